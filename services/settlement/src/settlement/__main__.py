"""`python -m settlement` serves this service alone."""

from changhu_common.service import main

from settlement.app import SERVICE

main(SERVICE)
