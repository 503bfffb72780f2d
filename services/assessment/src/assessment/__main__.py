"""`python -m assessment` serves this service alone."""

from changhu_common.service import main

from assessment.app import SERVICE

main(SERVICE)
