"""The one function that decides, and who tokens are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from headrace.people import NEEDS, Action, Actor, Role, Token, User, as_token, as_user, can

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
roles, actions, scopes = st.sampled_from(Role), st.sampled_from(Action), st.frozensets(st.sampled_from(Action))
actors = st.builds(Actor, st.just("user"), st.just("u"), st.just("u"), roles, st.booleans(), scopes)


def allowed(actor: Actor) -> set[Action]:
    return {action for action in Action if can(actor, action)}


def test_the_table() -> None:
    """Each role may what it is described with, and no more."""
    table = {role: allowed(Actor("user", "u", "u", role)) for role in Role}
    assert table == {
        Role.VIEWER: {Action.VIEW},
        Role.OPERATOR: {Action.VIEW, Action.OPERATE},
        Role.EDITOR: {Action.VIEW, Action.OPERATE, Action.EDIT},
        Role.OWNER: set(Action) - {Action.PREVIEW},
    }
    assert set(NEEDS) == set(Action)


@given(actors, roles)
def test_a_higher_role_may_no_less(actor: Actor, role: Role) -> None:
    """Whoever is promoted keeps all that they could."""
    low, high = sorted((actor, replace(actor, role=role)), key=lambda a: a.role.rank)
    assert allowed(low) <= allowed(high)


@given(actors, actions)
def test_scopes_only_narrow(actor: Actor, action: Action) -> None:
    """With scopes an actor may what it could without, if the scopes name it."""
    free = replace(actor, scopes=frozenset())
    assert can(actor, action) == (can(free, action) and (not actor.scopes or action in actor.scopes))
    assert allowed(actor) <= allowed(free)


@given(actors)
def test_preview_takes_the_right_to_it(actor: Actor) -> None:
    """No role brings the right to look at rows, and the right brings nothing else."""
    without, having = replace(actor, preview=False), replace(actor, preview=True)
    assert not can(without, Action.PREVIEW)
    assert allowed(having) - allowed(without) <= {Action.PREVIEW}
    assert allowed(without) <= allowed(having)


@given(
    st.builds(User, st.just("u"), st.just("a@b"), st.just("A"), roles, st.booleans(), st.just(NOON)),
    roles,
    st.booleans(),
    scopes,
)
def test_a_token_may_no_more_than_its_maker(
    maker: User, role: Role, preview: bool, narrowed: frozenset[Action]
) -> None:
    """Whatever a token was made with, it may at most what its maker may, and what it was made for."""
    token = Token("hdr_00000000", "", "t", maker.id, role, preview, narrowed, NOON)
    actor = as_token(token, maker)
    assert allowed(actor) <= allowed(as_user(maker))
    assert allowed(actor) <= allowed(Actor("token", "t", "t", role, preview, narrowed))
    assert (actor.kind, actor.name) == ("token", token.id)
