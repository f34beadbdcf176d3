"""Every document of the corpus gets its verdict from the SDK, which is also what REST and the CLI ask."""

import pytest
import yaml
from pydantic import ValidationError

from millrace.documents import BadDocument, load
from millrace_contracts.loop import ModelLoop, mistakes

from .corpus import cases

CASES = cases()


def test_the_corpus_says_enough():
    assert len({name for name, _ in CASES}) == len(CASES) >= 40
    assert 20 < sum(case["accepted"] for _, case in CASES) < len(CASES) - 40


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_the_sdk_gives_the_verdict(name, case):
    try:
        ModelLoop.model_validate(case["document"])
        said = None
    except ValidationError as error:
        said = "; ".join(mistakes(error))
    assert (said is None) == case["accepted"], said
    assert said is None or (case.get("says") or "") in said, said


def test_the_command_line_reads_what_the_sdk_reads(tmp_path):
    for number, (name, case) in enumerate(CASES):
        if isinstance(case["document"].get("spec"), dict) and "name of a file" not in name:
            file = tmp_path / f"{number}.yaml"
            file.write_text(yaml.safe_dump(case["document"]))
            try:
                load(file)
                accepted = True
            except BadDocument:
                accepted = False
            assert accepted == case["accepted"], name
