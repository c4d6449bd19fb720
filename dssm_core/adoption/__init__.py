"""Somebody else's encoder made into a model folder: checked, calibrated, measured, described."""

from dssm_core.adoption.adopt import Adoption, adopt
from dssm_core.adoption.checks import Finding, check_encoder, compare_known
from dssm_core.adoption.prompts import audit_prompts

__all__ = ["Adoption", "Finding", "adopt", "audit_prompts", "check_encoder", "compare_known"]
