"""The table of all actions by kind. Add a new action here."""

from optimus_tui.actions.expire_no_ttl import ExpireNoTtl
from optimus_tui.actions.invalidate_tenant import InvalidateTenant
from optimus_tui.actions.recipe import Recipe
from optimus_tui.actions.repair_counter import RepairCounter
from optimus_tui.actions.reset_counters import ResetCounters
from optimus_tui.actions.unlink_no_ttl import UnlinkNoTtl
from optimus_tui.actions.unlink_prefix import UnlinkPrefix
from optimus_tui.contract.actions import ActionKind

RECIPES: dict[ActionKind, Recipe] = {
    recipe.kind: recipe
    for recipe in (RepairCounter(), ResetCounters(), UnlinkNoTtl(), ExpireNoTtl(), InvalidateTenant(), UnlinkPrefix())
}


def recipe_for(kind: ActionKind) -> Recipe:
    """Return the recipe of a kind."""
    return RECIPES[kind]
