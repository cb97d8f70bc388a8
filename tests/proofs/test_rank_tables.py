"""The tree of rank tables that comes with the package is the one of its root."""

import pytest
from eth_hash.auto import keccak

from scorer.proofs.tables import MOST_IDS, table_halves
from scorer.proofs.terms import score_terms, terms_hash
from scorer.proofs.tree import FIRST, SHIPPED_ROOT, compute_tree, shipped_tree
from scorer.protocol.rules import NO_TERMS, preset


def test_the_tree_that_comes_with_the_package_has_the_root_of_courts() -> None:
    tree = shipped_tree()
    assert tree.root == SHIPPED_ROOT
    assert len(tree.leaves) == MOST_IDS - FIRST + 1 == 32_766


@pytest.mark.parametrize("ids", [2, 3, 60, 61, 452, 1999, 2000, 6000, 8193, 8194, 16_384, 32_766, MOST_IDS])
def test_its_leaves_are_those_of_the_tables_that_the_scorer_uses(ids: int) -> None:
    tree, node = shipped_tree(), table_halves(ids).leaf
    assert tree.leaves[ids - FIRST] == node
    for depth, sibling in enumerate(tree.siblings(ids)):
        pair = (sibling, node) if (ids - FIRST) >> depth & 1 else (node, sibling)
        node = keccak(b"".join(pair))
    assert node == SHIPPED_ROOT


def test_rounds_of_more_ids_than_courts_have_tables_for_have_no_terms() -> None:
    rules = preset("cupel")
    assert terms_hash(rules, MOST_IDS) == score_terms(rules, MOST_IDS).hash()
    assert terms_hash(rules, MOST_IDS + 1) == NO_TERMS
    with pytest.raises(ValueError, match=f"expected 2 to {MOST_IDS} ids"):
        shipped_tree().siblings(MOST_IDS + 1)


@pytest.mark.long
def test_every_table_is_computed_again_to_the_last_byte() -> None:
    assert compute_tree(MOST_IDS, 2) == shipped_tree()
