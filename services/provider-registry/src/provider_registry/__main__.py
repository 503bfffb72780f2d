"""`python -m provider_registry` serves this service alone."""

from changhu_common.service import main

from provider_registry.app import SERVICE

main(SERVICE)
