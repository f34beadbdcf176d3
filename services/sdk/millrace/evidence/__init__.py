"""Evidence packs: an audit archive read against a law or a standard, clause by clause."""

from millrace.evidence import eu_ai_act, iso_42001, nist_ai_rmf

FRAMEWORKS = {item.FRAMEWORK.key: item.FRAMEWORK for item in (eu_ai_act, nist_ai_rmf, iso_42001)}
"""By the name that is typed."""

__all__ = ["FRAMEWORKS"]
