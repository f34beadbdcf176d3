"""Small tables for the tests."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv


def sales(rows: int = 400, seed: int = 0) -> pa.Table:
    """Shops' revenue by time, with a category, a flag, and some missing values."""
    random = np.random.default_rng(seed)
    visitors = random.integers(10, 500, rows)
    shop = random.choice(["north", "south", "west"], rows)
    revenue = visitors * 3.0 + (shop == "west") * 200 + random.normal(0, 40, rows)
    area = np.where(random.random(rows) < 0.05, np.nan, random.uniform(50, 900, rows))
    hours = np.datetime64("2024-01-01T08:00") + np.arange(rows) * np.timedelta64(1, "h")
    return pa.table(
        {
            "sold_at": [str(hour).replace("T", " ") for hour in hours],
            "shop": shop,
            "visitors": visitors,
            "area": pa.array([None if np.isnan(value) else round(value, 2) for value in area]),
            "open": random.random(rows) < 0.5,
            "revenue": np.round(np.maximum(revenue, 5), 2),
        }
    )


def to_csv(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    csv.write_csv(table, sink)
    return sink.getvalue()
