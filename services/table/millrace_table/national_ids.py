"""Numbers that states give to people, known by their check digits; python-stdnum knows how each is made.

Numbers without a check digit are left out: any number would be one. The American one counts in its own writing only.
"""

import importlib
import re
from collections.abc import Callable

CHECKED = (
    "at.vnr au.tfn be.nn bg.egn bg.pnf br.cpf ca.sin ch.ssn cl.rut cn.ric cu.ni cz.rc de.idnr dk.cpr ec.ci ee.ik "
    "es.dni es.nie fi.hetu fr.nir gb.nhs gr.amka hr.oib ie.pps il.idnr in_.aadhaar is_.kennitala it.codicefiscale "
    "jp.in_ kr.rrn lt.asmens mx.curp nl.bsn no.fodselsnummer nz.ird pl.pesel ro.cnp se.personnummer si.emso "
    "th.pin tr.tckimlik ua.rntrc za.idnr"
)
SHAPE = re.compile(r"[A-Z0-9][A-Z0-9 ./+-]{6,22}[A-Z0-9]", re.I)
AMERICAN = re.compile(r"\d{3}-\d{2}-\d{4}")


def _kind(module: str) -> tuple[str, Callable[[str], object]]:
    country, number = module.split(".")
    valid = importlib.import_module(f"stdnum.{module}").is_valid
    name = f"{country.strip('_').upper()}: {number.strip('_')}"
    return name, lambda text: bool(SHAPE.fullmatch(text)) and any(map(str.isdigit, text)) and valid(text)


def _american() -> tuple[str, Callable[[str], object]]:
    from stdnum.us import ssn

    return "US: ssn", lambda text: bool(AMERICAN.fullmatch(text)) and ssn.is_valid(text)


KINDS = [_american(), *(_kind(module) for module in CHECKED.split())]
"""What to call each number, and what tells whether a text is one."""
