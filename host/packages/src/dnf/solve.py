"""Has the builder's dnf choose packages. Nothing is fetched, installed or read of dnf's own configuration.

A question is read from the file that is the argument, and its answer printed, both as JSON
(`question.rs`). What cannot be is an answer too: `problem`.
"""

import fnmatch
import json
import os
import sys

import dnf
import dnf.conf
import dnf.exceptions
import dnf.module.module_base
import dnf.selector
import hawkey
import libdnf.transaction

FORWARD = {
    libdnf.transaction.TransactionItemAction_INSTALL: False,
    libdnf.transaction.TransactionItemAction_UPGRADE: True,
    libdnf.transaction.TransactionItemAction_DOWNGRADE: True,
    libdnf.transaction.TransactionItemAction_OBSOLETE: False,
}
REMOVE = libdnf.transaction.TransactionItemAction_REMOVE


class Problem(Exception):
    """What was asked cannot be had."""

    def __init__(self, kind, what):
        super().__init__(what)
        self.answer = {"kind": kind, "what": what}


def base_of(question):
    """dnf with the tree's packages and those of the repositories."""
    root = question["root"]
    conf = dnf.conf.Conf()
    conf.installroot = root
    conf.config_file_path = "/dev/null"
    conf.reposdir = []
    conf.varsdir = []
    conf.pluginpath = []
    conf.plugins = False
    conf.protected_packages = []
    conf.cachedir = question["cache"]
    conf.persistdir = os.path.join(root, "persist")
    conf.logdir = os.path.join(root, "log")
    conf.substitutions.clear()
    conf.substitutions.update(
        releasever=question["release"], arch=question["arch"], basearch=question["arch"]
    )
    conf.install_weak_deps = question["weak"]
    # What is chosen is the newest that there is, or nothing.
    conf.best = True
    conf.clean_requirements_on_remove = False
    conf.optional_metadata_types = ["filelists"]
    if question["platform"]:
        conf.module_platform_id = question["platform"]
    base = dnf.Base(conf)
    for repository in question["repositories"]:
        made = base.repos.add_new_repo(
            repository["name"], conf, baseurl=["file://" + repository["folder"]]
        )
        made.skip_if_unavailable = False
        # It is in a folder: looking whether it is another one costs nothing.
        made.metadata_expire = 0
        if repository["priority"] is not None:
            made.priority = repository["priority"]
        if repository["cost"] is not None:
            made.cost = repository["cost"]
        made.module_hotfixes = repository["module_hotfixes"]
    base.fill_sack(load_system_repo=True)
    # None of an architecture that the tree's is not, which the processor might run.
    architectures = [question["arch"], "noarch"]
    foreign = base.sack.query().available().filterm(arch__neq=architectures)
    base.sack.add_excludes(foreign)
    held = base.sack.query().available().filterm(name=question["held"])
    base.sack.add_excludes(held)
    return base


def enable(base, modules):
    """Streams of modules; of what they hide, nothing is seen any more."""
    if not modules:
        return
    try:
        dnf.module.module_base.ModuleBase(base).enable(modules)
    except dnf.exceptions.MarkingErrors as error:
        bad = list(error.no_match_group_specs) + list(error.error_group_specs)
        raise Problem("module", ", ".join(bad) or str(error)) from error
    except dnf.exceptions.Error as error:
        raise Problem("unsolvable", str(error)) from error


def lock(base, locked):
    """Of what is locked and can be had, no other version."""
    for package in locked:
        every = base.sack.query().available().filterm(name=package["name"])
        same = {p for p in every if evr(p) == package["version"] and p.arch == package["arch"]}
        if same:
            base.sack.add_excludes(every.filterm(pkg=[p for p in every if p not in same]))


def evr(package):
    """Without an epoch that is none."""
    return package.evr.removeprefix("0:")


def is_version(package, wanted):
    """Whether a version is the one: with its release or without, with its epoch or without."""
    forms = [package.v, f"{package.v}-{package.r}", f"{package.e}:{package.v}",
             f"{package.e}:{package.v}-{package.r}"]
    return any(fnmatch.fnmatchcase(form, wanted) for form in forms)


def install(base, name, version, strict=True):
    """Has a package chosen; one that is there and is that version stays as it is."""
    there = base.sack.query().installed().filterm(name=name)
    if there and (version is None or any(is_version(p, version) for p in there)):
        return
    offered = base.sack.query().available().filterm(name=name)
    if version is not None and offered:
        of_version = [p for p in offered if is_version(p, version)]
        if not of_version:
            newest = max(offered)
            raise Problem("version", f"{name}={version}, the newest is {evr(newest)}")
        offered = offered.filterm(pkg=of_version)
    if not offered:
        if not strict:
            return
        raise Problem("package", name)
    selector = dnf.selector.Selector(base.sack)
    # Of all of them, which is the best is the solver's to say: a repository may come before another.
    selector.set(pkg=offered)
    base._goal.install(select=selector, optional=not strict)


def install_group(base, name):
    """What a group, or each of an environment, says that belongs to it."""
    base.read_comps(arch_filter=True)
    comps = base.comps
    groups = [group for group in comps.groups if group.id == name]
    for environment in comps.environments:
        if environment.id == name:
            members = {group.name for group in environment.group_ids}
            groups += [group for group in comps.groups if group.id in members]
    if not groups:
        raise Problem("group", name)
    for group in groups:
        for package in group.mandatory_packages:
            install(base, package.name, None)
        # They need not be of every architecture.
        for package in group.default_packages:
            install(base, package.name, None, strict=False)


def closure(packages, names):
    """Of these packages, those that names need, themselves included."""
    providers = {}
    for package in packages:
        for provided in {str(p) for p in package.provides}:
            providers.setdefault(provided.split(" ")[0], []).append(package)
    files = {}
    for package in packages:
        for path in package.files:
            files.setdefault(path, []).append(package)
    found, waiting = set(), [p for p in packages if p.name in names]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        found.add(package)
        for needed in package.requires:
            # Of `(a or b if c)` all that it names: rather too much than too little.
            words = str(needed).replace("(", " (").split(" ") if " " in str(needed) else [str(needed)]
            for word in {str(needed).split(" ")[0], *(w.strip("()") for w in words)}:
                waiting += providers.get(word, []) + files.get(word, [])
    return found


def chosen(base, question):
    """What is to be done, as the answer has it."""
    items = list(base.transaction or [])
    coming = [item.pkg for item in items if item.action in FORWARD]
    essential = set()
    if question["bootstrap"]:
        essential = closure(coming, set(question["base"]))
    packages = []
    for item in items:
        if item.action not in FORWARD:
            continue
        package = item.pkg
        kind, digest = package.chksum or (None, b"")
        packages.append({
            "name": package.name,
            "version": evr(package),
            "arch": package.arch,
            "repository": package.reponame,
            "location": package.location,
            "sha256": digest.hex() if kind == hawkey.CHKSUM_SHA256 else None,
            "size": package.downloadsize,
            "essential": package in essential,
            "upgrade": FORWARD[item.action],
            "replaces": sorted({str(old).split(" ")[0] for old in package.obsoletes}),
        })
    removals = [item.pkg.name for item in items if item.action == REMOVE]
    releases = [p.v for p in coming if any(str(q).split(" ")[0] == "system-release" for q in p.provides)]
    return {"packages": packages, "removals": sorted(set(removals)), "releases": releases}


def resolve(question):
    base = base_of(question)
    enable(base, question["modules"])
    lock(base, question["locked"])
    for package in question["install"]:
        install(base, package["name"], package["version"])
    for name in question["groups"]:
        install_group(base, name)
    for name in question["remove"]:
        for package in base.sack.query().installed().filterm(name=name):
            base.package_remove(package)
    if question["upgrade_all"]:
        base.upgrade_all()
    try:
        base.resolve(allow_erasing=False)
    except dnf.exceptions.DepsolveError as error:
        raise Problem("unsolvable", str(error)) from error
    return chosen(base, question)


def unneeded(question):
    """Of what came as a dependency only, what nothing else needs."""
    base = base_of(question)
    installed = list(base.sack.query().installed())
    automatic = set(question["automatic"])
    kept = closure(installed, {p.name for p in installed} - automatic)
    gone = {p.name for p in installed if p not in kept and p.name != "gpg-pubkey"}
    return {"packages": [], "removals": sorted(gone)}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        question = json.load(file)
    os.makedirs(os.path.join(question["root"], "log"), exist_ok=True)
    try:
        answer = unneeded(question) if question["automatic"] is not None else resolve(question)
    except Problem as problem:
        answer = {"problem": problem.answer}
    except dnf.exceptions.RepoError as error:
        answer = {"problem": {"kind": "repository", "what": str(error)}}
    json.dump(answer, sys.stdout)


main()
