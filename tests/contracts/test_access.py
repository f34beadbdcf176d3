"""A record of the prediction log is a text with a line a field: what was written is read, what is none is refused."""

import pytest

from millrace_contracts import access


def test_each_field_comes_back_and_what_is_missing_is_told_so():
    values = {name: f"<{name}>" for name in access.FIELDS if name != "key"}
    read = access.read(access.written(values))
    assert read is not None
    shared = dict(zip(access.SHARED, read.shared.split(access.END), strict=True))
    own = {name: getattr(read, name) for name in (*access.OWN, *access.BODIES)}
    assert own | shared == values | {"key": "-"}


@pytest.mark.parametrize("text", ["", "cmVxdWVzdA==", access.END * len(access.FIELDS), access.END])
def test_a_text_of_another_number_of_lines_is_no_record(text):
    assert access.read(text) is None
