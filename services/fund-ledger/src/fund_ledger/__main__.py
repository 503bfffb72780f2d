"""`python -m fund_ledger` serves this service alone."""

from changhu_common.service import main

from fund_ledger.app import SERVICE

main(SERVICE)
