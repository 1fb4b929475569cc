"""What every store must do with people, and with the audit log of what they change. Subclass `PeopleContract`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from headrace.errors import Conflict, UsageError
from headrace.people import Action, Change, Code, Role, Session, Token, User, UserEdit, WriteKey
from headrace.store_port import Store

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA = User("u_ada", "ada@example.com", "Ada", Role.OWNER, True, NOON, "hash of ada", "https://id.example ada")
BEN = User("u_ben", "ben@example.com", "Ben", Role.VIEWER, False, NOON, "hash of ben")
TOKEN = Token("hdr_aaaaaaaa", "0a", "deploy", ADA.id, Role.EDITOR, True, frozenset({Action.VIEW, Action.EDIT}), NOON)
KEY = WriteKey("hdw_aaaaaaaa", "0b", "web", "production", NOON)


def change(action: str = "user.update", thing: str = "user/ben@example.com") -> Change:
    """An entry for the audit log."""
    return Change(NOON, "user:ada@example.com", action, thing, "10.0.0.1", {"role": "viewer"}, {"role": "owner"})


def session(session_id: str, user: User = ADA, at: datetime = NOON) -> Session:
    """A session that began, and was seen, at a moment."""
    return Session(session_id, user.id, at, at, "Firefox")


class PeopleContract:
    """The verbs of `headrace.people.PeopleStore`. The class that inherits it gives the fixture ``store``."""

    # ------------------------------------------------------------------------------------------------------- users

    async def test_users_are_found(self, store: Store) -> None:
        """A person is found by id, e-mail address and identity, as they were written."""
        for user in (BEN, ADA):
            await store.create_user(user)
        assert await store.users() == [ADA, BEN]
        assert await store.user(ADA.id) == ADA
        assert await store.user_by_email(BEN.email) == BEN
        assert ADA.subject is not None
        assert await store.user_by_subject(ADA.subject) == ADA
        assert await store.user("u_nobody") is None

    async def test_the_first_owner_is_made_once(self, store: Store) -> None:
        """Of many that set up at the same time one wins; the others, and all later ones, are refused."""
        many = [replace(BEN, id=f"u_{n}", email=f"{n}@example.com", role=Role.OWNER) for n in range(6)]
        await store.create_code(Code("a code of the set-up", NOON + MINUTE), NOON)
        done = await asyncio.gather(*(store.create_user(user, first=True) for user in many), return_exceptions=True)
        refused = [error for error in done if error is not None]
        assert [getattr(error, "code", error) for error in refused] == ["set_up"] * 5
        assert len(await store.users()) == 1
        assert await store.code("a code of the set-up") is None

    async def test_an_address_has_one_user(self, store: Store) -> None:
        """A second person with the same e-mail address is refused, and nothing is logged of it."""
        await store.create_user(BEN)
        with pytest.raises(Conflict) as refused:
            await store.create_user(replace(BEN, id="u_other"), audit=change())
        assert refused.value.code == "email_taken"
        assert await store.audit() == []

    async def test_an_edit_changes_what_it_names(self, store: Store) -> None:
        """What an edit leaves out stays as it is, the password above all."""
        await store.create_user(ADA)
        await store.create_user(BEN)
        edited = await store.update_user(BEN.id, UserEdit(role=Role.EDITOR, preview=True), audit=change())
        assert edited == replace(BEN, role=Role.EDITOR, preview=True)
        assert await store.user(BEN.id) == edited
        assert (await store.update_user(BEN.id, UserEdit())) == edited
        with pytest.raises(UsageError) as refused:
            await store.update_user("u_nobody", UserEdit(name="x"))
        assert refused.value.code == "unknown_user"

    @pytest.mark.parametrize("edit", [UserEdit(role=Role.EDITOR), UserEdit(disabled=True)], ids=["demote", "disable"])
    async def test_an_owner_is_left(self, store: Store, edit: UserEdit) -> None:
        """The last owner who can sign in is not demoted, disabled or deleted."""
        await store.create_user(ADA)
        await store.create_user(replace(BEN, role=Role.OWNER, disabled=True))
        for attempt in (store.update_user(ADA.id, edit, audit=change()), store.delete_user(ADA.id, audit=change())):
            with pytest.raises(Conflict) as refused:
                await attempt
            assert refused.value.code == "last_owner"
        assert await store.user(ADA.id) == ADA
        assert await store.audit() == []

    async def test_owners_do_not_remove_one_another(self, store: Store) -> None:
        """Two owners who demote each other at the same moment: one of them stays an owner."""
        ben = replace(BEN, role=Role.OWNER)
        for user in (ADA, ben):
            await store.create_user(user)
        demoted = UserEdit(role=Role.VIEWER)
        await asyncio.gather(
            store.update_user(ADA.id, demoted), store.update_user(ben.id, demoted), return_exceptions=True
        )
        assert [user.role for user in await store.users()].count(Role.OWNER) == 1

    async def test_a_deleted_user_leaves_nothing(self, store: Store) -> None:
        """Sessions, tokens and codes of a person go with them."""
        for user in (ADA, BEN):
            await store.create_user(user)
        await store.create_session(session("s1", BEN))
        await store.create_token(replace(TOKEN, user=BEN.id))
        await store.create_code(Code("c1", NOON + MINUTE, BEN.id), NOON)
        await store.delete_user(BEN.id, audit=change("user.delete"))
        assert await store.session("s1") is None
        assert await store.token(TOKEN.id) is None
        assert await store.code("c1") is None
        with pytest.raises(UsageError, match="no user"):
            await store.delete_user(BEN.id)

    async def test_an_identity_has_one_user(self, store: Store) -> None:
        """An identity of the sign-in service is linked to one person, and a person to one identity."""
        for user in (ADA, BEN):
            await store.create_user(user)
        await store.link_user(BEN.id, "https://id.example ben", audit=change("user.link"))
        assert (await store.user_by_subject("https://id.example ben")) == replace(BEN, subject="https://id.example ben")
        for user, subject in ((BEN, "https://id.example other"), (ADA, "https://id.example ben")):
            with pytest.raises(Conflict) as refused:
                await store.link_user(user.id, subject, audit=change("user.link"))
            assert refused.value.code == "linked"
        assert len(await store.audit()) == 1

    # ----------------------------------------------------------------------------------------- passwords and codes

    async def test_a_new_password_ends_the_others(self, store: Store) -> None:
        """With a new password end the sessions, but the one that is kept, and the invitations."""
        await store.create_user(ADA)
        for name in ("s1", "s2", "s3"):
            await store.create_session(session(name))
        await store.create_code(Code("c1", NOON + MINUTE, ADA.id), NOON)
        await store.set_password(ADA.id, "another hash", keep="s2", audit=change("user.password"))
        assert [held.id for held in await store.sessions(ADA.id)] == ["s2"]
        assert await store.code("c1") is None
        found = await store.user(ADA.id)
        assert found is not None
        assert found.password == "another hash"

    async def test_a_hash_is_renewed(self, store: Store) -> None:
        """The same password may be hashed anew; a password that was changed meanwhile is not undone by it."""
        await store.create_user(BEN)
        await store.rehash(BEN.id, "hash of ben", "new hash")
        await store.rehash(BEN.id, "hash of ben", "late hash")
        assert await store.user(BEN.id) == replace(BEN, password="new hash")

    async def test_a_code_works_once(self, store: Store) -> None:
        """Of many that use a code at the same time one wins, and the password is theirs."""
        await store.create_user(BEN)
        await store.create_code(Code("c1", NOON + MINUTE, BEN.id), NOON)
        assert await store.code("c1") == Code("c1", NOON + MINUTE, BEN.id)
        done = await asyncio.gather(
            *(store.use_code("c1", f"hash {n}", audit=change("user.password")) for n in range(5)),
            return_exceptions=True,
        )
        assert done.count(None) == 1
        found = await store.user(BEN.id)
        assert found is not None
        assert found.password == f"hash {done.index(None)}"
        assert len(await store.audit()) == 1

    async def test_a_code_replaces_the_earlier(self, store: Store) -> None:
        """A new invitation makes the earlier one void, and what has expired is forgotten."""
        for user in (ADA, BEN):
            await store.create_user(user)
        await store.create_code(Code("old", NOON + MINUTE, ADA.id), NOON)
        await store.create_code(Code("c1", NOON + 9 * MINUTE, BEN.id), NOON)
        await store.create_code(Code("c2", NOON + 9 * MINUTE, BEN.id), NOON + MINUTE)
        assert [await store.code(name) is not None for name in ("old", "c1", "c2")] == [False, False, True]

    async def test_a_code_of_the_set_up_sets_no_password(self, store: Store) -> None:
        """The code that makes the first owner is not an invitation."""
        await store.create_code(Code("c1", NOON + MINUTE), NOON)
        with pytest.raises(Conflict, match="used already"):
            await store.use_code("c1", "hash")

    # ---------------------------------------------------------------------------------------------------- sessions

    async def test_a_session_tells_its_user(self, store: Store) -> None:
        """A session is found with its person, who was seen when it began."""
        await store.create_user(ADA)
        await store.create_session(session("s1", at=NOON + MINUTE), audit=change("session.create"))
        assert await store.session("s1") == (session("s1", at=NOON + MINUTE), replace(ADA, last_seen_at=NOON + MINUTE))
        assert await store.session("s2") is None

    async def test_a_session_needs_the_account_as_judged(self, store: Store) -> None:
        """No session begins with a password that was changed since it was judged, nor for a disabled person."""
        await store.create_user(ADA)
        await store.create_user(BEN)
        await store.set_password(BEN.id, "new hash")
        await store.create_session(session("s1", BEN), password="new hash")
        for stale in (session("s2", BEN), session("s3", replace(BEN, id="u_nobody"))):
            with pytest.raises(Conflict) as refused:
                await store.create_session(stale, password="hash of ben", audit=change())
            assert refused.value.code == "account_changed"
        await store.update_user(BEN.id, UserEdit(disabled=True))
        with pytest.raises(Conflict):
            await store.create_session(session("s4", BEN), password="new hash")
        assert await store.sessions(BEN.id) == []
        assert await store.audit() == []

    async def test_being_seen_is_written_once_a_minute(self, store: Store) -> None:
        """What was seen less than a minute ago is not written again."""
        await store.create_user(ADA)
        await store.create_session(session("s1"))
        for seconds, noted in ((59, 0), (60, 60), (119, 60)):
            await store.touch_session("s1", NOON + timedelta(seconds=seconds))
            found = await store.session("s1")
            assert found is not None
            assert found[0].seen_at == found[1].last_seen_at == NOON + timedelta(seconds=noted)

    async def test_sessions_end(self, store: Store) -> None:
        """One by one, all of a person but one, and those that are over; the last used comes first."""
        for user in (ADA, BEN):
            await store.create_user(user)
        for number in range(4):
            await store.create_session(session(f"s{number}", at=NOON + number * MINUTE))
        await store.create_session(session("b1", BEN))
        assert [held.id for held in await store.sessions(ADA.id)] == ["s3", "s2", "s1", "s0"]
        await store.delete_session("s3")
        await store.forget_sessions(NOON + MINUTE, NOON + MINUTE)
        assert [held.id for held in await store.sessions(ADA.id)] == ["s2", "s1"]
        assert await store.sessions(BEN.id) == []
        await store.delete_sessions(ADA.id, keep="s1")
        assert [held.id for held in await store.sessions(ADA.id)] == ["s1"]
        await store.update_user(ADA.id, UserEdit(name="Ada L."))
        assert await store.session("s1") is not None

    # ----------------------------------------------------------------------------------------- tokens and write keys

    async def test_tokens(self, store: Store) -> None:
        """A token is found with its maker, lists by maker, notes its use once a minute, and is deleted once."""
        for user in (ADA, BEN):
            await store.create_user(user)
        mine = replace(TOKEN, id="hdr_bbbbbbbb", hash="0c", user=BEN.id, scopes=frozenset(), expires_at=NOON + MINUTE)
        for token in (TOKEN, mine):
            await store.create_token(token, audit=change("token.create", f"token/{token.id}"))
        assert await store.token(TOKEN.id) == (TOKEN, ADA)
        assert await store.tokens(BEN.id) == [mine]
        assert {token.id for token in await store.tokens()} == {TOKEN.id, mine.id}
        for seconds, noted in ((0, 0), (59, 0), (60, 60)):
            await store.touch_token(TOKEN.id, NOON + timedelta(seconds=seconds))
            found = await store.token(TOKEN.id)
            assert found is not None
            assert found[0].last_used_at == NOON + timedelta(seconds=noted)
        deleted = await asyncio.gather(*(store.delete_token(TOKEN.id, audit=change("token.delete")) for _ in range(3)))
        assert sorted(deleted) == [False, False, True]
        assert len(await store.audit()) == 3

    async def test_write_keys_are_news_to_the_services(self, store: Store) -> None:
        """Making and deleting a write key let the generation grow, so that every process takes note."""
        before = await store.generation()
        other = replace(KEY, id="hdw_bbbbbbbb", hash="0d", source="app")
        for key in (KEY, other):
            await store.create_write_key(key, audit=change("write_key.create"))
        made = await store.generation()
        assert await store.write_keys() == [other, KEY]
        assert await store.write_keys("web") == [KEY]
        assert [await store.delete_write_key(KEY.id, audit=change()) for _ in range(2)] == [True, False]
        assert before < made < await store.generation()
        assert await store.write_keys() == [other]
        assert len(await store.audit()) == 3

    # --------------------------------------------------------------------------------------------------- audit log

    async def test_the_log_is_read_from_its_end(self, store: Store) -> None:
        """Pages go back from the newest entry; filters take a thing, an actor, or the beginning of either."""
        for number in range(5):
            await store.log(replace(change(thing=f"sync/s{number}"), actor="local:root" if number % 2 else "user:ada"))
        assert [entry.seq for entry in await store.audit(limit=2)] == [5, 4]
        assert [entry.seq for entry in await store.audit(before=4, limit=2)] == [3, 2]
        assert [entry.seq for entry in await store.audit(thing="sync/s1")] == [2]
        assert [entry.seq for entry in await store.audit(thing="sync/")] == [5, 4, 3, 2, 1]
        assert [entry.seq for entry in await store.audit(actor="local:", limit=1)] == [4]
        assert await store.audit(thing="sync") == []
        assert await store.verify_audit() is None

    async def test_what_is_logged_is_kept_as_it_is(self, store: Store) -> None:
        """Any text and any value comes back, but for what no database stores; and the chain holds over it."""
        odd = replace(change(), actor="nobody\0", via="\ud800", before={"ä": [1.5, None, {"\0": "\ud800"}]}, after=None)
        await store.log(odd)
        await store.log(replace(odd, at=NOON.astimezone(), thing="'; --"))
        last, first = await store.audit()
        assert first.change == replace(odd, actor="nobody\ufffd", via="?")
        assert (last.change.at, last.change.thing, last.previous) == (NOON, "'; --", first.hash)
        assert await store.verify_audit() is None

    async def test_many_append_at_once(self, store: Store) -> None:
        """The chain is one, however many append at the same time."""
        await asyncio.gather(*(store.log(change(thing=f"sync/{number}")) for number in range(20)))
        assert {entry.seq for entry in await store.audit()} == set(range(1, 21))
        assert await store.verify_audit() is None
