"""Columns with personal data are found by their values, in six languages; honest columns never are."""

import random

import pyarrow as pa
import pytest
from faker import Faker

from millrace_table import cautions, personal
from millrace_table.inference import infer

ROWS = 200
PLACES = ["de_DE", "en_US", "fr_FR", "es_ES", "pl_PL", "it_IT"]


@pytest.fixture(params=PLACES)
def people(request) -> Faker:
    return seeded(request.param)


def seeded(place: str) -> Faker:
    faker = Faker(place)
    faker.seed_instance(11)
    return faker


def told(**columns) -> dict[str, str]:
    return {item.column: item.kind for item in personal.search(pa.table(columns))}


def many(make) -> list:
    return [make() for _ in range(ROWS)]


def test_mail_telephone_account_card_and_address_are_found(people):
    found = told(
        contact=many(people.email),
        phone=many(people.phone_number),
        account=many(people.iban),
        paid_with=many(people.credit_card_number),
        machine=many(people.ipv4),
        machine6=many(people.ipv6),
    )
    assert found == {
        "contact": "e-mail addresses",
        "phone": "telephone numbers",
        "account": "IBANs",
        "paid_with": "payment card numbers",
        "machine": "IP addresses",
        "machine6": "IP addresses",
    }


def test_names_of_people_are_found_whatever_the_column_is_called(people):
    found = told(x=many(people.name), customer=many(people.name), y=many(people.first_name))
    assert found == dict.fromkeys(("x", "customer", "y"), "names of people")
    turned = [f"{people.last_name()}, {people.first_name()}" for _ in range(ROWS)]
    assert told(z=turned) == {"z": "names of people"}


@pytest.mark.parametrize(
    ("place", "kind"),
    [("pl_PL", "PL: pesel"), ("it_IT", "IT: codicefiscale"), ("fr_FR", "FR: nir"), ("en_US", "US: ssn")],
)
def test_national_ids_are_found_by_their_check_digits(place, kind):
    assert told(number=many(seeded(place).ssn)) == {"number": f"national ids ({kind})"}


def test_what_is_written_among_other_words_is_found():
    faker = seeded("en_US")
    remarks = [
        faker.sentence() + (f" Write to {faker.email()}." if place % 40 == 0 else "") for place in range(ROWS)
    ]
    assert told(remark=remarks) == {"remark": "e-mail addresses"}


def test_numbers_are_found_where_they_came_as_numbers():
    cards = [int(seeded("en_US").credit_card_number("visa16")) for _ in range(3)]
    faker = seeded("en_US")
    cards += [int(faker.credit_card_number("visa16")) for _ in range(50)]
    assert told(card=pa.array(cards, pa.int64())) == {"card": "payment card numbers"}


def test_honest_columns_are_left_alone(people):
    draw = random.Random(3)
    found = told(
        city=many(people.city),
        country=many(people.country),
        company=many(people.company),
        job=many(people.job),
        text=many(people.sentence),
        colour=many(people.color_name),
        date=many(lambda: people.date("%d.%m.%Y")),
        article=many(people.ean13),
        version=many(lambda: ".".join(str(draw.randrange(20)) for _ in range(4))),
        order=pa.array(range(100_000_000, 100_000_000 + ROWS)),
        number=many(lambda: draw.randrange(10**9, 10**10)),
        code=many(lambda: f"{draw.randrange(10**8):08}"),
        key=many(people.uuid4),
        weight=many(lambda: draw.gauss(70, 9)),
    )
    assert found == {}


def test_a_finding_never_repeats_a_value():
    faker = seeded("de_DE")
    mails = many(faker.email)
    (item,) = personal.search(pa.table({"contact": mails}))
    assert item.words == "'contact' holds e-mail addresses (100% of its values)"


def test_init_is_told_what_to_leave_out_and_why():
    faker, draw = seeded("de_DE"), random.Random(2)
    table = pa.table(
        {
            "Unnamed: 0": range(ROWS),
            "contact": [faker.email() if place % 3 else None for place in range(ROWS)],
            "age": many(lambda: draw.randrange(18, 90)),
            "late": ["yes" if place % 25 == 0 else "no" for place in range(ROWS)],
        }
    )
    caution = cautions.look(table, infer(table, "late", None, "UTC"), classifies=True)
    assert caution.left_out == ["contact", "Unnamed: 0"]
    personal_data, numbers, balance = caution.notes
    assert "'contact' holds e-mail addresses" in personal_data
    assert "data.keepPersonal" in personal_data
    assert "'Unnamed: 0' numbers the rows" in numbers
    assert "96.0% of the rows have 'late' 'no'" in balance


def test_dates_of_which_nothing_says_which_number_is_the_day_are_no_telephone_numbers():
    dates = [f"0{1 + number % 9}/0{1 + number % 7}/2024" for number in range(60)]
    assert personal.search(pa.table({"at": dates, "paid": range(60)})) == []
