"""The firm's clients: invented holders of accounts, with invented personal data.

Nothing here can be somebody's: mail addresses are under domains reserved for examples, phone
numbers in the range reserved for fiction, and tax numbers in an area that is never given out.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flight_server.demo.vectors import Bools, dates, decimals, labels, moments, pick

_GIVEN = ("Ada", "Amir", "Astrid", "Beatriz", "Chen", "Clara", "Daniel", "Edith", "Elif", "Farid",
          "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jonas", "Kofi", "Leila", "Lucas", "Maya",
          "Mei", "Nadia", "Noor", "Olga", "Omar", "Paula", "Priya", "Rosa", "Sven", "Tara",
          "Tomas", "Uma", "Viktor", "Wanda", "Yara", "Zoe")  # fmt: skip
_FAMILY = ("Abbott", "Almeida", "Bauer", "Bergman", "Castillo", "Chandra", "Dubois", "Eriksen",
           "Farouk", "Fischer", "Garcia", "Haddad", "Hansen", "Ito", "Jansen", "Kaya", "Kim",
           "Kowalski", "Laurent", "Lindqvist", "Marino", "Mensah", "Moreau", "Nakamura", "Novak",
           "Okafor", "Olsen", "Patel", "Petrov", "Quinn", "Rossi", "Sato", "Schmidt", "Silva",
           "Tanaka", "Varga", "Weber", "Yilmaz", "Zhang")  # fmt: skip
_STREETS = ("Mill Lane", "Station Road", "High Street", "Park Avenue", "Church Walk", "Harbour Way",
            "Orchard Close", "Bridge Street", "Garden Square", "Hill Rise")  # fmt: skip
_CITIES = (("Geneva", "CH"), ("Zurich", "CH"), ("London", "GB"), ("Leeds", "GB"), ("Paris", "FR"),
           ("Lyon", "FR"), ("Berlin", "DE"), ("Munich", "DE"), ("Oslo", "NO"), ("Boston", "US"),
           ("Denver", "US"), ("Toronto", "CA"))  # fmt: skip
_DOMAINS = ("@example.com", "@example.org", "@example.net")
_SEGMENTS = ("retail", "private", "institutional")
_LABELS = ("newsletter", "esg", "retirement", "vip", "referral", "online")


def accounts(count: int, desks: tuple[str, ...], desk: NDArray[np.int64], seed: int) -> pa.Table:
    """All rows of `portfolio.accounts`, with the column `mail` still under that name.

    `desk` numbers each account's desk in `desks`.
    """
    rng = np.random.default_rng([seed, 21])
    number = np.arange(1, count + 1)
    given, family = rng.integers(0, len(_GIVEN), count), rng.integers(0, len(_FAMILY), count)
    born = np.datetime64("1940-01-01") + rng.integers(0, 23_000, count)
    opened = np.datetime64("2012-01-01", "us") + rng.integers(0, 14 * 31 * 10**12, count)
    reviewed = (
        np.datetime64("2024-01-01T09:00", "us") + rng.integers(0, 700, count) * 86_400 * 10**6
    )
    return pa.table(
        {
            "account_id": pa.array(number, pa.int32()),
            "account_number": labels("ACC-", number * 104_729 % 10**8, 8),
            "desk": pick(desks, desk),
            "holder_name": _joined(_GIVEN, given, " ", _FAMILY, family),
            "mail": _mails(given, family, number),
            "tax_id": _tax_ids(rng, count),
            "date_of_birth": dates(born, null=rng.random(count) < 0.02),
            "phone": labels("+44 7700 900", rng.integers(0, 1000, count), 3),
            "address": _addresses(rng, count),
            "tags": _tags(rng, count),
            "segment": pick(_SEGMENTS, rng.choice(3, count, p=[0.7, 0.2, 0.1])),
            "balance": decimals(np.rint(rng.lognormal(13, 1.6, count)).astype(np.int64), 18, 2),
            "risk_score": np.round(rng.beta(2, 3, count), 3),
            "is_active": rng.random(count) < 0.94,
            "opened_at": moments(opened, utc=True),
            "last_review": moments(reviewed, utc=False, null=rng.random(count) < 0.1),
        }
    )


def _joined(
    left: tuple[str, ...],
    left_code: NDArray[np.int64],
    between: str,
    right: tuple[str, ...],
    right_code: NDArray[np.int64],
) -> NDArray[np.str_]:
    return np.strings.add(
        np.strings.add(np.array(left)[left_code], between), np.array(right)[right_code]
    )


def _mails(
    given: NDArray[np.int64], family: NDArray[np.int64], number: NDArray[np.int64]
) -> NDArray[np.str_]:
    names = np.strings.lower(_joined(_GIVEN, given, ".", _FAMILY, family))
    local = np.strings.add(names, number.astype("U9"))
    return np.strings.add(local, np.array(_DOMAINS)[number % len(_DOMAINS)])


def _tax_ids(rng: np.random.Generator, count: int) -> NDArray[np.str_]:
    def digits(low: int, high: int, width: int) -> NDArray[np.str_]:
        return np.strings.zfill(rng.integers(low, high, count).astype("U4"), width)

    head = np.strings.add(digits(900, 1000, 3), "-")
    middle = np.strings.add(digits(1, 100, 2), "-")
    return np.strings.add(np.strings.add(head, middle), digits(1, 10_000, 4))


def _addresses(rng: np.random.Generator, count: int) -> pa.Array:
    house = np.strings.add(rng.integers(1, 200, count).astype("U3"), " ")
    city = rng.integers(0, len(_CITIES), count)
    street = np.strings.add(house, np.array(_STREETS)[rng.integers(0, len(_STREETS), count)])
    parts = [
        pa.array(street, pa.string()),
        pick([name for name, _ in _CITIES], city),
        labels("", rng.integers(1_000, 99_999, count), 5),
        pick([country for _, country in _CITIES], city),
    ]
    missing: Bools = rng.random(count) < 0.03
    names = ["street", "city", "postcode", "country"]
    return pa.StructArray.from_arrays(parts, names=names, mask=pa.array(missing))


def _tags(rng: np.random.Generator, count: int) -> pa.Array:
    """None to three labels for each account; some accounts have no list at all."""
    per_row = rng.integers(0, 4, count)
    offsets = np.concatenate([[0], np.cumsum(per_row)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], per_row)
    first = np.repeat(rng.integers(0, len(_LABELS), count), per_row)
    missing = np.append(rng.random(count) < 0.05, False)
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32(), mask=missing), pick(_LABELS, (first + within) % len(_LABELS))
    )
