"""The state of a repository is read as git would say it, and nothing that the repository names ever runs."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from optimus_tui.__main__ import run
from optimus_tui.actions.drafts.routers import plan_router, write_router
from optimus_tui.actions.files.git_layout import Pattern
from optimus_tui.actions.files.git_objects import is_changed, read_index
from optimus_tui.actions.files.git_state import git_warnings
from optimus_tui.scaffold.spec import make_spec
from tests.patience import PATIENCE
from tests.scaffold.workshop import new_gateway
from tests.steps import steps_of

Git = Callable[..., str]


def git_in(folder: Path) -> Git:
    def git(*words: str) -> str:
        named = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "protocol.file.allow=always"]
        done = subprocess.run(["git", *named, *words], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return git


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "src/deep").mkdir(parents=True)
    for name in ("a.py", "src/b.py", "src/deep/c.py", "src/deep/d e.py"):
        (folder / name).write_text(f"{name}\n" * 50)
    (folder / "link").symlink_to("a.py")
    (folder / ".gitignore").write_text("*.pyc\nbuild/\n!kept.pyc\n/only_here\ndeep/**/gone\n")
    git = git_in(folder)
    git("init", "-q", "-b", "main", ".")
    git("add", "-A")
    git("commit", "-qm", "first")
    return folder


def changed_by_us(folder: Path) -> set[str]:
    said = [one for one in git_warnings(folder) if "not committed: " in one]
    return set(said[0].partition("not committed: ")[2].split(", ")) if said else set()


def changed_by_git(folder: Path) -> set[str]:
    listed = git_in(folder)("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames", "--", ".")
    return {one[3:] for one in listed.split("\0") if one}


def edit(project: Path, git: Git) -> None:
    (project / "a.py").write_text("other\n")


def edit_to_the_same_size(project: Path, git: Git) -> None:
    content = (project / "a.py").read_text()
    (project / "a.py").write_text(content[:-2] + "#\n")


def edit_and_set_the_time_back(project: Path, git: Git) -> None:
    before = (project / "a.py").stat()
    edit_to_the_same_size(project, git)
    os.utime(project / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def touch(project: Path, git: Git) -> None:
    os.utime(project / "a.py", (1, 1))


def stage(project: Path, git: Git) -> None:
    (project / "src/b.py").write_text("staged\n")
    git("add", "-A")


def stage_and_take_back(project: Path, git: Git) -> None:
    before = (project / "src/b.py").read_text()
    (project / "src/b.py").write_text("staged\n")
    git("add", "-A")
    (project / "src/b.py").write_text(before)


def delete(project: Path, git: Git) -> None:
    (project / "src/deep/c.py").unlink()


def delete_staged(project: Path, git: Git) -> None:
    git("rm", "-q", "src/deep/c.py")


def new_files(project: Path, git: Git) -> None:
    for name in (
        "new.py",
        "src/deep/n.py",
        "x.pyc",
        "kept.pyc",
        "build/y",
        "only_here",
        "src/only_here",
        "sub/x/z.pyc",
    ):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("x")
    (project / "fresh/er").mkdir(parents=True)
    (project / "fresh/er/file").write_text("x")
    (project / "empty").mkdir()


def link_elsewhere(project: Path, git: Git) -> None:
    (project / "link").unlink()
    (project / "link").symlink_to("src/b.py")


def pack(project: Path, git: Git) -> None:
    for number in range(6):
        (project / "src/b.py").write_text(f"{number}\n" + "line\n" * 400)
        git("commit", "-qam", f"more {number}")
    git("gc", "-q", "--aggressive", "--prune=now")


def pack_and_stage(project: Path, git: Git) -> None:
    pack(project, git)
    stage(project, git)


def soft_reset(project: Path, git: Git) -> None:
    pack(project, git)
    git("reset", "-q", "--soft", "HEAD~2")


def version_four(project: Path, git: Git) -> None:
    git("update-index", "--index-version=4")
    edit(project, git)


def intent_to_add(project: Path, git: Git) -> None:
    (project / "soon.py").write_text("x")
    git("add", "-N", "soon.py")


def conflict(project: Path, git: Git) -> None:
    git("checkout", "-qb", "other")
    (project / "a.py").write_text("theirs\n")
    git("commit", "-qam", "theirs")
    git("checkout", "-q", "main")
    (project / "a.py").write_text("ours\n")
    git("commit", "-qam", "ours")
    subprocess.run(["git", "merge", "other"], cwd=project, capture_output=True)


def unborn(project: Path, git: Git) -> None:
    git("checkout", "-q", "--orphan", "empty")


def clean(project: Path, git: Git) -> None:
    return


STATES = [
    *(edit, edit_to_the_same_size, edit_and_set_the_time_back, touch, stage, stage_and_take_back, delete),
    *(delete_staged, new_files, link_elsewhere, pack, pack_and_stage, soft_reset, version_four, intent_to_add),
    *(conflict, unborn, clean),
]


@pytest.mark.parametrize("change", STATES, ids=lambda one: one.__name__)
def test_what_is_not_committed_is_named_as_git_would_name_it(
    project: Path, change: Callable[[Path, Git], None]
) -> None:
    change(project, git_in(project))
    ours = changed_by_us(project)  # before git, which may refresh the index
    assert ours == changed_by_git(project)
    assert changed_by_us(project / "src") == {one for one in ours if one.startswith("src/")}


def test_a_file_as_young_as_the_index_is_read_since_its_time_tells_nothing(project: Path) -> None:
    index = read_index(project / ".git/index")
    entry = next(one for one in index.entries if one.path == b"a.py")
    (project / "a.py").write_text((project / "a.py").read_text()[:-2] + "#\n")
    seen = (project / "a.py").stat()
    times = [divmod(at, 10**9) for at in (seen.st_ctime_ns, seen.st_mtime_ns)]
    entry = structs.replace(entry, ctime=times[0], mtime=times[1])
    later, same = (times[1][0] + 1, 0), times[1]
    assert not is_changed(entry, project / "a.py", structs.replace(index, written=later), [10**6])
    assert is_changed(entry, project / "a.py", structs.replace(index, written=same), [10**6])


def test_a_sha256_repository_and_a_shared_clone_are_read(tmp_path: Path, project: Path) -> None:
    git_in(tmp_path)("clone", "-q", "--shared", str(project), "shared")
    assert git_warnings(tmp_path / "shared") == ()
    other = tmp_path / "other"
    other.mkdir()
    (other / "a").write_text("x")
    git = git_in(other)
    git("init", "-q", "--object-format=sha256", ".")
    git("add", "-A")
    git("commit", "-qm", "first")
    assert git_warnings(other) == ()
    (other / "a").write_text("y")
    assert changed_by_us(other) == {"a"}


def test_a_submodule_and_a_bare_repository_are_said(tmp_path: Path, project: Path) -> None:
    around = tmp_path / "around"
    around.mkdir()
    git_in(around)("init", "-q", ".")
    git_in(around)("submodule", "--quiet", "add", str(project), "part")
    assert any("submodule" in one for one in git_warnings(around / "part"))
    git_in(tmp_path)("init", "-q", "--bare", "bare.git")
    (tmp_path / "bare.git/src").mkdir()
    for inside in (tmp_path / "bare.git", tmp_path / "bare.git/src", project / ".git"):
        assert "bare repository or beside" in git_warnings(inside)[0]


def spoil_index(project: Path) -> None:
    data = bytearray((project / ".git/index").read_bytes())
    data[60] ^= 1
    (project / ".git/index").write_bytes(data)


def split_index(project: Path) -> None:
    git_in(project)("update-index", "--split-index")


def index_fifo(project: Path) -> None:
    (project / ".git/index").unlink()
    os.mkfifo(project / ".git/index")


def lose_objects(project: Path) -> None:
    for path in (project / ".git/objects").rglob("*"):
        if path.is_file():
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
            path.write_bytes(b"x")


def head_fifo(project: Path) -> None:
    (project / ".git/HEAD").write_text("ref: refs/heads/../../../etc/passwd\n")


@pytest.mark.parametrize("spoil", [spoil_index, split_index, index_fifo, lose_objects, head_fifo])
def test_what_cannot_be_read_is_said_and_never_taken_for_clean(project: Path, spoil: Callable[[Path], None]) -> None:
    spoil(project)
    assert any("not known" in one for one in git_warnings(project)), git_warnings(project)


def test_a_hostile_pattern_takes_few_steps() -> None:
    pattern = Pattern("*a" * 200 + "b", "")
    matched, steps = steps_of(lambda: pattern.matches("a" * 250, False))
    assert not matched and steps <= 5 * 200 * 250
    matched, steps = steps_of(lambda: Pattern("**/" * 80 + "x", "").matches("y/" * 2000, False))
    assert not matched and steps <= 10_000
    assert not Pattern("[z-a]", "").matches("z", False)


CONFIG = """
[include]
    path = {evil}/included
[core]
    fsmonitor = {run}
    hooksPath = {evil}/hooks
    sshCommand = {run}
    pager = {run}
    editor = {run}
    askPass = {run}
    gitProxy = {run}
    attributesFile = {evil}/attributes
    excludesFile = {evil}/excludes
    worktree = {evil}
    alternateRefsCommand = {run}
[filter "clean"]
    clean = {run}
    smudge = {run}
    required = true
[filter "process"]
    process = {run}
    required = true
[diff]
    external = {run}
[diff "shown"]
    textconv = {run}
    command = {run}
[merge "own"]
    driver = {run}
[credential]
    helper = {run}
[gpg]
    program = {run}
[alias]
    status = !{run}
    rev-parse = !{run}
    symbolic-ref = !{run}
[pager]
    status = {run}
[sequence]
    editor = {run}
[remote "origin"]
    url = ext::{run}
    promisor = true
    partialclonefilter = blob:none
    uploadpack = {run}
[extensions]
    partialClone = origin
[submodule "part"]
    update = !{run}
    url = ext::{run}
[trace2]
    eventTarget = {evil}/traced
[uploadpack]
    packObjectsHook = {run}
"""


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A gateway whose repository names a program wherever git would take one, and a git on PATH that tells on us."""
    gateway, evil, ran = new_gateway(tmp_path / "gateway"), tmp_path / "evil", tmp_path / "RAN"
    git = git_in(gateway)
    git("init", "-q", ".")
    git("add", "-A")
    git("commit", "-qm", "first")
    for folder in (evil / "hooks", evil / "bin"):
        folder.mkdir(parents=True)
    program = evil / "run"
    program.write_text(f"#!/bin/sh\nenv >> '{ran}'\ncat\n")
    program.chmod(0o755)
    for name in ("pre-commit", "post-index-change", "fsmonitor-watchman", "post-checkout", "reference-transaction"):
        for folder in (evil / "hooks", gateway / ".git/hooks"):
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(program.read_bytes())
            (folder / name).chmod(0o755)
    (evil / "included").write_text(f'[filter "inc"]\n clean = {program}\n')
    (evil / "attributes").write_text("* filter=clean diff=shown\n")
    (gateway / ".gitattributes").write_text(
        "*.py filter=clean diff=shown merge=own\n*.toml filter=process\n* filter=inc"
    )
    with (gateway / ".git/config").open("a") as config:
        config.write(CONFIG.format(evil=evil, run=program))
    for name in ("git", "git-status", "git-lfs", "ssh", "gpg"):
        (evil / "bin" / name).write_bytes(program.read_bytes())
        (evil / "bin" / name).chmod(0o755)
    (gateway / ".pre-commit-config.yaml").write_text(f"repos: [{{repo: local, hooks: [{{id: x, entry: {program}}}]}}]")
    (gateway / "conftest.py").write_text(f"open({str(ran)!r}, 'a').write('conftest')")
    for path in gateway.rglob("*.py"):
        os.utime(path, (1, 1))  # git would have to ask the filter
    monkeypatch.setenv("PATH", f"{evil / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("REDIS_URL", "redis://:PASSWORD@127.0.0.1:1/0")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for variable in ("GIT_DIR", "GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND"):
        monkeypatch.setenv(variable, str(program))
    return gateway, ran


def test_nothing_runs_from_a_hostile_repository(hostile: tuple[Path, Path]) -> None:
    gateway, ran = hostile
    assert any("not committed" in one for one in git_warnings(gateway))
    write_router(plan_router(gateway, make_spec("products")))
    assert not ran.exists(), ran.read_text()


def test_this_repository_would_make_a_plain_git_run_its_programs(hostile: tuple[Path, Path]) -> None:
    """Otherwise the test above would prove nothing."""
    gateway, ran = hostile
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(gateway.parent), "GIT_WORK_TREE": str(gateway)}
    subprocess.run(
        ["/usr/bin/env", "git", "status"], cwd=gateway, env=environment, capture_output=True, timeout=PATIENCE
    )
    assert ran.exists()


@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_before_a_yes_no_code_of_the_project_runs(
    hostile: tuple[Path, Path], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    gateway, ran = hostile
    for name in ("python", "ruff", "pytest"):
        (gateway / ".venv/bin").mkdir(parents=True, exist_ok=True)
        (gateway / ".venv/bin" / name).write_text(f"#!/bin/sh\nenv >> '{ran}'\n")
        (gateway / ".venv/bin" / name).chmod(0o755)
    for name in ("src/backend/__init__.py", "src/sitecustomize.py"):
        (gateway / name).write_text(f"open({str(ran)!r}, 'a').write('imported')\n")
    run(["scaffold", "new", "products", "--project", str(gateway), *words])
    run(["validate", str(gateway / "src/backend/routers")])
    run(["scaffold", "undo", "--project", str(gateway)])
    assert not ran.exists(), ran.read_text()
    assert "which was not allowed" in " ".join(capsys.readouterr().out.split())
