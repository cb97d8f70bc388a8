"""A chain's settings are checked before anything is signed."""

from typing import Any

import pytest
from pydantic import ValidationError

from scorer.chain.fees import GWEI, FeePolicy
from scorer.config import Chain

ONE, TWO = "https://one.example/key", "https://two.example/key"


def chain(**settings: Any) -> Chain:
    return Chain.model_validate({"chain_id": 137, "deployment": "d.json", "endpoints": (ONE, TWO)} | settings)


def test_an_endpoint_is_given_once_and_those_of_one_host_agree_as_one() -> None:
    with pytest.raises(ValidationError, match="expected each endpoint once"):
        chain(endpoints=(ONE, ONE + "/"))
    both = (ONE, "https://one.example/another")
    assert chain(endpoints=both).urls == both
    with pytest.raises(ValidationError, match="expected agreement of at most 1"):
        chain(endpoints=both, agreement=2)
    assert chain(agreement=2).agreement == 2


def test_a_tip_has_a_ceiling_of_ten_times_what_polygon_asks_for() -> None:
    assert chain().fees == FeePolicy(30 * GWEI, tip_ceiling=300 * GWEI)
    assert chain(tip_ceiling_gwei=90).fees.tip_ceiling == 90 * GWEI
    with pytest.raises(ValidationError, match="expected tip_ceiling_gwei of at least 30, as tip_gwei is"):
        chain(tip_ceiling_gwei=29)
