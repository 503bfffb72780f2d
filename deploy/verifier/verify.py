#!/usr/bin/env python3
"""Verify an export of a fund's books. Needs Python 3.9 or later and nothing else; docs/ledger-format.md is the format.

    python3 verify.py DIR [--anchor SEQUENCE:HASH ...]

Exit 0 where everything holds, 1 where something does not, 2 where there is nothing to verify.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

FORMAT = "changhu-ledger-1"
MEMBERS = {
    "format", "pool", "sequence", "year", "number", "id", "title", "source", "source_event_id", "happened_on",
    "accounting_on", "booked_at", "carries", "reverses", "facts", "previous", "lines",
}  # fmt: skip
LINE_MEMBERS = {"account", "county", "scheme", "payer", "organization_id", "amount_fen"}


class Broken(Exception):
    """The export is not what was written."""


def canonical(said):
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def demand(holds, reason):
    if not holds:
        raise Broken(reason)


def check_entry(entry, *, pool, sequence, previous, vouchers):
    """What must hold of one entry, given what stands before it."""
    demand(set(entry) == MEMBERS, "the members are not those of the format")
    demand(entry["format"] == FORMAT, f"the format is not {FORMAT}")
    demand(entry["pool"] == pool, "the entry is another pool's")
    demand(entry["sequence"] == sequence, "the sequence has a gap")
    demand(entry["previous"] == previous, "the entry does not follow from the one before it")
    demand(entry["accounting_on"][:4] == f"{entry['year']:04d}", "the voucher's year is not that of its day")
    demand(entry["number"] == vouchers[str(entry["year"])] + 1, "the voucher numbers have a gap")
    books = Counter()
    demand(entry["lines"], "the entry has no lines")
    for line in entry["lines"]:
        demand(set(line) == LINE_MEMBERS, "the members of a line are not those of the format")
        demand(type(line["amount_fen"]) is int and line["amount_fen"], "an amount is no whole number of fen, or 0")
        books[line["county"], line["scheme"]] += line["amount_fen"]
    demand(not any(books.values()), "the entry does not balance")


def verify(folder, anchors):
    """Follow the chain from its beginning; returns the manifest that the entries give."""
    manifest = (folder / "manifest.json").read_bytes()
    pool = json.loads(manifest)["pool"]
    sequence, previous, vouchers, balances = 0, "0" * 64, Counter(), Counter()
    with (folder / "entries.jsonl").open("rb") as entries:
        for written in entries:
            sequence += 1
            try:
                demand(written.endswith(b"\n"), "the line does not end")
                entry = json.loads(written[:-1])
                demand(canonical(entry) == written[:-1], "the line is not canonical")
                check_entry(entry, pool=pool, sequence=sequence, previous=previous, vouchers=vouchers)
            except (Broken, ValueError, TypeError, KeyError, AttributeError) as reason:
                raise Broken(f"entry {sequence}: {reason}") from reason
            previous = hashlib.sha256(written[:-1]).hexdigest()
            demand(anchors.pop(sequence, previous) == previous, f"entry {sequence}: it is not what the anchor says")
            vouchers[str(entry["year"])] += 1
            for line in entry["lines"]:
                balances[line["account"]] += line["amount_fen"]
    made = {
        "format": FORMAT,
        "pool": pool,
        "entries": sequence,
        "hash": previous,
        "vouchers": dict(vouchers),
        "balances": {account: fen for account, fen in balances.items() if fen},
    }
    demand(canonical(made) + b"\n" == manifest, "the manifest does not follow from the entries")
    demand(not anchors, f"the books end before the anchor of entry {min(anchors, default=0)}")
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--anchor", action="append", default=[], metavar="SEQUENCE:HASH")
    asked = parser.parse_args()
    try:
        anchors = {int(sequence): digest for sequence, digest in (each.split(":") for each in asked.anchor)}
        made = verify(asked.folder, anchors)
    except OSError as missing:
        print(f"nothing to verify: {missing}", file=sys.stderr)
        return 2
    except (Broken, ValueError, TypeError, KeyError) as reason:
        print(f"BROKEN: {reason}")
        return 1
    print(f"holds: pool {made['pool']}, {made['entries']} entries, last hash {made['hash']}")
    for year, count in sorted(made["vouchers"].items()):
        print(f"  {year}: vouchers 1 to {count}")
    for account, fen in sorted(made["balances"].items()):
        print(f"  {account}: {'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
