"""The cities' rules as dated data, and how they are read, checked and cited."""

from changhu_policies.folders import PACKS, pools, read_folder
from changhu_policies.national import Catalogue, Scale, catalogues, scales
from changhu_policies.pack import Pack, build_pack, load_pack
from changhu_policies.refusals import PackInvalid, PolicyMissing, PolicyNotInForce
from changhu_policies.supplied import NOTHING, Supplied, SuppliedValue, statistic_record
from changhu_policies.values import Value
from changhu_policies.vocabulary import Status, weakest

__all__ = [
    "NOTHING",
    "PACKS",
    "Catalogue",
    "Pack",
    "PackInvalid",
    "PolicyMissing",
    "PolicyNotInForce",
    "Scale",
    "Status",
    "Supplied",
    "SuppliedValue",
    "Value",
    "build_pack",
    "catalogues",
    "load_pack",
    "pools",
    "read_folder",
    "scales",
    "statistic_record",
    "weakest",
]
