"""A report's lines are made in one place."""

from millrace_contracts.rows import Check, DeliveryReport


def test_a_check_is_made_by_its_verdict():
    good = Check.passed("range", "1 to 3", "0 to 9", column="x")
    bad = Check.failed("range", "7 rows", "0 to 9", "Mend it.", column="x", rows=7, examples=list("abcdefg"))
    told = Check.noted("rare classes", "2 of 5", "10 rows", "Collect more.", column="y", rows=4)
    assert [item.verdict for item in (good, bad, told)] == ["passed", "failed", "noted"]
    assert (good.mend, good.rows, good.examples) == ("", 0, [])
    assert (bad.mend, bad.rows, bad.examples) == ("Mend it.", 7, list("abcde"))
    report = DeliveryReport(rows=9, checks=[good, bad, told])
    assert (report.failed, report.noted) == ([bad], [told])


def test_one_row_is_told_as_one():
    one, more = (
        DeliveryReport(rows=9, checks=[], repeated=count, corrected=count).told() for count in (1, 12)
    )
    assert one == [
        "1 row was there already and counts once.",
        "1 row corrects an earlier one with the same key.",
    ]
    assert more == [
        "12 rows were there already and count once.",
        "12 rows correct earlier ones with the same key.",
    ]
