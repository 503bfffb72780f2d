"""`python -m enrollment` serves this service alone."""

from changhu_common.service import main

from enrollment.app import SERVICE

main(SERVICE)
