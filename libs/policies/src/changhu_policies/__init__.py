"""The cities' rules as dated data, and how they are read, checked and cited."""

from changhu_policies.drafts import DraftNotAdmitted, admitted_pools, refuse_draft
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
    "DraftNotAdmitted",
    "Pack",
    "PackInvalid",
    "PolicyMissing",
    "PolicyNotInForce",
    "Scale",
    "Status",
    "Supplied",
    "SuppliedValue",
    "Value",
    "admitted_pools",
    "build_pack",
    "catalogues",
    "load_pack",
    "pools",
    "read_folder",
    "refuse_draft",
    "scales",
    "statistic_record",
    "weakest",
]
