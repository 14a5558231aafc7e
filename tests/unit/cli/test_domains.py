"""`add`, `remove` and `sync` on a CIB in a file."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from tests.captures import guide_cluster, schema_errors
from tests.unit.cli.conftest import Files
from tests.unit.core.test_cib import canonical
from tests.unit.core.test_primitive import known

GUIDE = set(cib.domains(guide_cluster()))


def tree(files: Files) -> cib.Tree:
    return cib.parse(files.cib.read_bytes())


def test_adding_domains_is_one_epoch_and_tells_each(files: Files) -> None:
    epoch = int(tree(files).get("epoch"))
    ended = files.add("web01", "web02")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == "[*] register web01 (512 MiB, 2 vcpu)\n[*] register web02 (512 MiB, 2 vcpu)\n"
    assert files.registered() == GUIDE | {"web01", "web02"}
    assert tree(files).get("epoch") == str(epoch + 1)
    assert schema_errors(tree(files)) == ""


def test_adding_twice_changes_nothing_and_says_so(files: Files) -> None:
    files.add("web01")
    before = files.cib.read_bytes()
    ended = files.add("web01", "web01")
    assert (ended.status, ended.out) == (0, "[I] registered already: web01\n")
    assert files.cib.read_bytes() == before


def test_a_domain_named_twice_is_added_once(files: Files) -> None:
    assert files.add("web01", "web01").out.count("register web01") == 1


def test_a_dry_run_shows_the_same_and_changes_nothing(files: Files) -> None:
    before = files.cib.read_bytes()
    dry = files.add("web01", "--dry-run")
    assert (dry.status, dry.out) == (0, "[I] would register web01 (512 MiB, 2 vcpu)\n")
    assert files.cib.read_bytes() == before
    assert files.add("web01").out == dry.out.replace("[I] would ", "[*] ")


def test_json_tells_the_changes(files: Files) -> None:
    change = {"action": "register", "target": "web01", "message": "register web01 (512 MiB, 2 vcpu)"}
    assert files.add("web01", "--json", "--dry-run").json == {"dry_run": True, "changes": [change]}
    assert files.add("web01", "--json").json == {"dry_run": False, "changes": [change]}
    assert files.add("web01", "--json").json == {"dry_run": False, "changes": []}


def test_the_file_can_be_named_before_the_verb(files: Files) -> None:
    ended = files.run("--cib", str(files.cib), "add", "--domains-dir", str(files.domains), "web01")
    assert ended.status == 0
    assert "web01" in files.registered()


def test_a_domain_can_be_added_without_being_started(files: Files) -> None:
    assert files.add("--stopped", "web01").out.endswith(", stopped\n")
    assert cib.domains(tree(files))["web01"].meta["target-role"] == "Stopped"


def test_the_speed_of_migrations_comes_from_snow_conf(files: Files) -> None:
    files.write_domain("web01", "name='web01'\nmemory=65536")
    conf = files.directory / "snow.conf"
    conf.write_text("SNOW_HA_MIGRATION_MIB_S=1000\n")
    conf.chmod(0o600)
    assert files.add("--snow-conf", str(conf), "web01").status == 0
    operation = cib.resource(tree(files), "web01").find("operations/op[@name='migrate_to']")
    assert operation.get("timeout") == "330s"


def test_a_domain_is_watched_also_once_it_is_registered(files: Files) -> None:
    files.write_domain("web01", "name='web01'\nmemory=512\nvif=['ip=10.9.0.7']")
    conf = files.directory / "snow.conf"
    conf.write_text("SNOW_HA_WATCH_GRACE_S=60\n")
    conf.chmod(0o600)
    assert files.add("web01").status == 0
    ended = files.add("web01", "--watch", "tcp:22", "--snow-conf", str(conf))
    assert (
        ended.out == "[*] have web01 restarted when its guest fails tcp:22 twice in a row, from 60 s after a start on\n"
    )
    assert cib.domains(tree(files))["web01"].parameters["watch"] == "tcp:22"
    assert files.add("web01").out == "[I] registered already: web01\n"
    assert files.add("web01", "--watch", "none").status == 0
    assert "watch" not in cib.domains(tree(files))["web01"].parameters


def test_a_watch_that_makes_no_sense_is_refused_and_nothing_is_registered(files: Files) -> None:
    before = files.cib.read_bytes()
    assert files.add("web01", "--watch", "tcp:ssh").status == 64
    refused = files.add("web01", "--watch", "ping")
    assert (refused.status, "gives no address" in refused.err) == (78, True)
    assert files.cib.read_bytes() == before


def test_an_image_on_a_volume_is_told_of_when_planning(files: Files) -> None:
    files.write_domain("web01", "name='web01'\ndisk=['phy:/dev/vg/web01,xvda,w']")
    ended = files.add("web01")
    assert ended.status == 0
    assert ended.err.startswith("[W] the image of web01, /dev/vg/web01, is a device, and whether every server has")


UUID = "9a5b1f6e-1c2d-4e3f-8a9b-0c1d2e3f4a5b"
VM = '<primitive id="vm" class="ocf" provider="heartbeat" type="Xen">{}</primitive>'
BY_TEMPLATE = (
    '<template id="t" class="ocf" provider="heartbeat" type="Xen">{}</template><primitive id="vm" template="t"/>'
)
OF_TEMPLATE = (
    '<template id="t" class="ocf" provider="heartbeat" type="Xen"/><primitive id="vm" template="t">{}</primitive>'
)
IN_GROUP = f'<group id="g">{VM}</group>'


def run_by_hand(files: Files, resource: str, **parameters: str) -> bytes:
    """Give the CIB somebody's primitive `vm`; the CIB."""
    pairs = "".join(f'<nvpair id="p-{name}" name="{name}" value="{value}"/>' for name, value in parameters.items())
    text = resource.format(f'<instance_attributes id="p">{pairs}</instance_attributes>')
    files.cib.write_bytes(files.cib.read_bytes().replace(b"<resources>", b"<resources>" + text.encode(), 1))
    return files.cib.read_bytes()


@pytest.mark.parametrize("resource", [VM, BY_TEMPLATE, OF_TEMPLATE, IN_GROUP])
@pytest.mark.parametrize("way", ["file", "link", "name", "other file", "other file, not there", "uuid"])
def test_a_domain_that_another_primitive_runs_is_refused(files: Files, resource: str, way: str) -> None:
    """Whatever the primitive calls it: two of one domain could start it twice."""
    file = files.write_domain("web01", f"name = 'web01'\nuuid = '{UUID}'\nmemory = 512\n")
    other = files.domains / "auto" / "10-vm"
    other.parent.mkdir()
    if way == "link":
        other.symlink_to(file)
    elif way == "other file":
        other.write_text("memory = 256\nname = 'web'\nname += '01'\n")
    elif way in ("name", "uuid"):
        other.write_text(f"name = 'vm'\nuuid = '{UUID.upper()}'\n" if way == "uuid" else "name = 'vm'\n")
    elif way == "other file, not there":
        other = other.with_name("web01")
    parameters = {"xmfile": str(file if way == "file" else other)} | ({"name": "web01"} if way == "name" else {})
    before = run_by_hand(files, resource, **parameters)
    assert "as the primitive vm" in files.refused(files.add("web01"), 78, before)
    assert "as the primitive vm" in files.refused(files.sync(), 78, before)


def test_a_file_that_is_called_as_a_domain_and_is_of_another_is_no_obstacle(files: Files) -> None:
    other = files.domains / "old" / "web01.cfg"
    other.parent.mkdir()
    other.write_text("name = 'old'\n")
    run_by_hand(files, VM, xmfile=str(other))
    assert files.add("web01").status == 0


def test_two_files_of_one_uuid_are_one_domain(files: Files) -> None:
    before = files.cib.read_bytes()
    for name in ("web01", "web02"):
        files.write_domain(name, f"name = '{name}'\nuuid = '{UUID}'\n")
    said = files.refused(files.add("web01", "web02"), 78, before)
    assert "web02 cannot be registered" in said
    assert "same uuid" in said


def test_a_domain_that_got_another_name_is_registered_anew(files: Files) -> None:
    files.cib.write_text(files.cib.read_text().replace("/sNow/snow-tools/etc/domains", str(files.domains)))
    for found in known(guide_cluster()):
        files.write_domain(found.name)
    file = files.write_domain("web01", f"name = 'web01'\nuuid = '{UUID}'\n")
    files.sync()
    file.write_text(file.read_text().replace("web01", "web03"))
    file.rename(file.with_name("web03.cfg"))
    ended = files.sync()
    assert ended.out.count("register web03") == ended.out.count("unregister web01") == 1


def test_removing_takes_everything_of_a_domain_out(files: Files) -> None:
    before = files.cib.read_bytes()
    files.add("web01", "web02")
    ended = files.run("remove", "--cib", str(files.cib), "web01", "web02", "web01")
    assert (ended.status, ended.out) == (0, "[*] unregister web01\n[*] unregister web02\n")
    after = tree(files)
    # That somebody wanted it is all that is remembered.
    intent.take_in(after, ["web01", "web02"])
    after.set("epoch", cib.parse(before).get("epoch"))
    after.set("num_updates", cib.parse(before).get("num_updates"))
    assert canonical(after) == canonical(cib.parse(before))


def test_a_dry_removal_changes_nothing(files: Files) -> None:
    before = files.cib.read_bytes()
    ended = files.run("remove", "--cib", str(files.cib), "--dry-run", "nis01")
    assert (ended.status, ended.out) == (0, "[I] would unregister nis01\n")
    assert files.cib.read_bytes() == before


def test_syncing_makes_the_cib_match_the_files(files: Files) -> None:
    files.cib.write_text(files.cib.read_text().replace("/sNow/snow-tools/etc/domains", str(files.domains)))
    for found in known(guide_cluster()):
        if found.name != "nis01":
            files.write_domain(found.name, f"name='{found.name}'\nmemory={found.memory_mib}\nvcpus={found.vcpus}")
    ended = files.sync("--json")
    assert ended.status == 0
    changes = [(change["action"], change["target"]) for change in ended.json["changes"]]
    assert ("unregister", "nis01") in changes
    assert {target for action, target in changes if action == "register"} == {"web01", "web02"}
    assert files.registered() == GUIDE - {"nis01"} | {"web01", "web02"}
    assert files.sync().out == "[I] nothing to do: the CIB matches the domain files\n"


def test_syncing_an_empty_directory_lets_go_of_nothing(files: Files) -> None:
    for path in files.domains.glob("*.cfg"):
        path.unlink()
    before = files.cib.read_bytes()
    assert "are missing; nothing was changed; see that their directory is mounted" in files.refused(
        files.sync(), 107, before
    )


def test_syncing_refuses_all_where_one_file_is_broken(files: Files) -> None:
    before = files.cib.read_bytes()
    files.write_domain("nis01", "name = ")
    assert "nis01.cfg: line 1" in files.refused(files.sync(), 65, before)


@pytest.mark.parametrize("verb", ["add", "remove", "sync", "status"])
def test_every_verb_has_help(files: Files, verb: str) -> None:
    ended = files.run(verb, "--help")
    assert ended.status == 0
    assert ended.out.startswith(f"Usage: snow-ha {verb}")
