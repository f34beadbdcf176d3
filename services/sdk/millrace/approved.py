"""Says in plain words to what a person's approval is bound."""

from millrace_contracts.bodies import Document


def told(evidence: Document) -> list[str]:
    """Lines for the evidence of a decision about an approval."""
    champion = evidence.get("champion")
    against = "no champion" if champion is None else f"version {champion} ({evidence.get('champion_digest')})"
    return [
        f"candidate: version {evidence.get('version')} ({evidence.get('digest')})",
        f"judged against {against}",
        f"gates and metrics: {evidence.get('evidence')}",
        f"what was declared: {evidence.get('document')}",
        f"all of it, as people approve it: {evidence.get('approved')}",
    ]
