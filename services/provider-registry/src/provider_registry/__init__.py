"""Designated organisations (定点机构): agreements, staff, prices, care plans, and the visits that were made."""
