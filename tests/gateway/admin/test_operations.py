"""Who is an admin, and what a reload over the wire does to the config that serves."""

import json

from gateway.practice.grid import Grid
from gateway.store.keys import Grant
from tests.gateway.admin.admin_client import ask
from tests.gateway.surface.raw_client import Reply
from tests.house import House, scenario, until


@scenario
async def test_key_of_the_store_is_admin_only_if_made_so() -> None:
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}) as house:
        grant = Grant(tenant="default", app="ops", floor="internal", is_admin=True)
        _, key = house.keys.create(grant)
        await until(lambda: house.gateway._keys.count == 2)
        assert (await ask(house, "/admin/status", key=key)).status == 200
        assert (await ask(house, "/admin/status", key=house.key)).status == 401


@scenario
async def test_without_an_admin_key_nobody_is_admitted() -> None:
    listen = {"listen": {"data": {"port": 0}, "admin": {"port": 0}}}
    async with Grid() as grid, House(grid, {"chat": ["aurora"]}, settings=listen) as house:
        for key in (None, "", "None", house.admin_key):
            assert (await ask(house, "/admin/status", key=key)).status == 401
        assert (await ask(house, "/livez")).status == 200


@scenario
async def test_bad_reload_leaves_the_old_config_serving_and_says_so() -> None:
    async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["aurora"]}) as house:

        async def reload() -> Reply:
            return await ask(
                house, "/admin/reload", "content-length: 0", method="POST", key=house.admin_key
            )

        good = (house.folder / "config" / "supply.yaml").read_text()
        (house.folder / "config" / "supply.yaml").write_text(good.replace("account:", "acount:"))
        reply = await reload()
        document = json.loads(reply.body)
        assert reply.status == 422
        assert document["epoch"] == 1
        assert any("acount" in problem for problem in document["problems"])
        assert "Traceback" not in reply.body.decode()
        metrics = (await ask(house, "/metrics")).body.decode()
        assert "\nswitchgear_config_is_current 0.0\n" in metrics
        assert "\nswitchgear_config_reload_failures_total 1.0\n" in metrics
        assert (await house.ask()).status_code == 200, "the old one serves"

        (house.folder / "config" / "supply.yaml").write_text(good)
        reply = await reload()
        assert (reply.status, json.loads(reply.body)["epoch"]) == (200, 2)
        metrics = (await ask(house, "/metrics")).body.decode()
        assert "\nswitchgear_config_is_current 1.0\n" in metrics
        assert (await house.ask()).status_code == 200


@scenario
async def test_reload_binds_limits_of_heads_and_hides_the_supply() -> None:
    """Settings that the surface reads are read anew."""
    async with Grid(gap_s=0.0) as grid, House(grid, {"chat": ["aurora"]}) as house:
        house._settings = {"limits": {"header_count": 10}, "response_headers": "request_id"}
        house.write()
        assert (await house.admin("/admin/reload", "POST")).status_code == 200
        many = {f"x-{n}": "1" for n in range(12)}
        assert (await house.ask(headers=many)).status_code == 431
        assert "x-switchgear-deployment" not in (await house.ask()).headers
