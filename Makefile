# `make demo` shows the main job, `make test` proves it, `make` alone lists the rest. Each installs what it needs (Debian,
# as root); where that is there already, nothing but the labs needs root.
PYTHON = /usr/bin/python3
IS_ROOT = $(filter 0,$(shell id -u))
CACHE = $(or $(SNOW_HA_CACHE),$(if $(IS_ROOT),/var/cache,$(HOME)/.cache)/snow-ha-lab)
VENV = $(CACHE)/venv-newest

BUILD_PACKAGES = \
	apt-utils build-essential ca-certificates debhelper dh-python dpkg-dev git gnupg groff lintian man-db pybuild-plugin-pyproject \
	python3 python3-click python3-jinja2 python3-lxml python3-pluggy python3-rich python3-setuptools python3-sh python3-wheel \
	pacemaker-cli-utils python3-hypothesis python3-jsonschema python3-prometheus-client python3-pytest python3-pytest-mock \
	python3-pytest-xdist
UNIT_PACKAGES = $(BUILD_PACKAGES) python3-venv
PACKAGES = $(BUILD_PACKAGES) \
	bindfs debian-archive-keyring debootstrap iproute2 nftables openipmi procps util-linux \
	ganeti-htools gawk libxml2-utils openssh-client python3-venv resource-agents shellcheck
XEN_PACKAGES = cpio e2fsprogs qemu-system-x86
# What the labs, the proofs and the mutants are made of, which no package needs.
OF_LABS = tests/chaos tests/lab tests/model tests/mutants
UNIT = tests/unit tests/packaging tests/scenarios

.PHONY: help demo play docs test unit unit-newest mutants lint contract browser random-clusters lab-bases lab-tests chaos test-xen test-xen-smoke bench bench-in-labs bench-alone deb findings apt-repo dependencies venv

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: dependencies  ## the main job on two servers in containers, as root: enable, migration, loss of a server
	tests/lab/demo

play: dependencies  ## two servers to play in, as root, until tests/lab/lab down --name play
	tests/lab/lab up --name play
	tests/lab/lab run --name play snow01 snow-ha enable
	@echo "get in: tests/lab/lab run --name play snow01 bash"

# The package's build runs the unit tests with Debian 12's libraries, beside those with PyPI's newest. What waits goes
# beside what calculates.
test: dependencies lint docs  ## everything but real Xen, as root: lint, package, unit, contract and lab tests, benchmarks
	$(MAKE) --jobs=3 --output-sync=target deb unit-newest lab-bases
	$(MAKE) --jobs=2 --output-sync=target contract random-clusters
	$(MAKE) browser
	$(MAKE) lab-tests
	$(MAKE) bench

# Debian 12's libraries, then PyPI's newest; Debian 13's are used by the lab tests. The scenarios ask Pacemaker's
# scheduler, which is no library: Debian 12's and 13's are enough. Nor do the planner and operations/ use any: with the
# package's build they are tested enough.
unit: PACKAGES = $(UNIT_PACKAGES)
unit: dependencies unit-newest  ## the unit tests, with Debian's libraries and with PyPI's newest
	$(PYTHON) -m pytest -q --numprocesses=auto $(UNIT)

unit-newest: PACKAGES = $(UNIT_PACKAGES)
unit-newest: dependencies venv  ## the unit tests with PyPI's newest libraries, and the labs' own tests
	$(VENV)/bin/python -m pytest -q --ignore=tests/unit/core/test_planner.py --ignore=tests/unit/operations \
		$(filter-out tests/scenarios,$(UNIT)) $(OF_LABS)

# How many of them, by which seed, of which files (all that decide and do): make mutants N=30 FILES=snow_ha_plugin/core/corosync.py
N = 60
FILES =
mutants: PACKAGES = $(UNIT_PACKAGES) python3-coverage
mutants: dependencies  ## whether the unit tests see small changes of the code: N=60 SEED=1 FILES=...; N=--all: hours
	$(PYTHON) -m tests.mutants --seed $(SEED) $(if $(filter --all,$(N)),--all,-n $(N)) $(FILES)

lint: PACKAGES = python3-venv shellcheck
lint: dependencies venv  ## ruff, mypy and shellcheck
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy ocf/Xen
	shellcheck hooks/*.sh packaging/alert packaging/apt-repo packaging/block-snow packaging/build-deb packaging/completion/snow-ha packaging/ipmitool packaging/sbd-disk \
		packaging/tend-hook tests/lab/*.sh tests/xenlab/*.sh
	shellcheck --shell=sh packaging/debian/snow-ha.p* packaging/debian/tests/agent packaging/debian/tests/two-servers

docs: dependencies venv  ## the guide as a site, in build/site: a dead link is an error
	$(VENV)/bin/mkdocs build --strict --quiet

# Most of their time is waiting for deadlines to pass.
contract: dependencies  ## the agents and the hook, each as a program against a stand-in of xl, ssh or snow
	$(PYTHON) -m pytest -q --numprocesses=4 --dist=loadgroup tests/contract

# Debian's Chromium without a screen: 80 MB.
browser: PACKAGES = $(BUILD_PACKAGES) chromium-headless-shell fonts-dejavu-core
browser: dependencies  ## the page of report, in a real browser
	$(PYTHON) -m pytest -q tests/browser

# Clusters by chance, each put to the verbs and to the scheduler: SNOW_HA_RANDOM_CLUSTERS=300 for more. SNOW_HA_CTS names
# a checkout of Pacemaker whose scheduler's inputs are taken too.
random-clusters: dependencies  ## clusters by chance: what the verbs say is held against Pacemaker's scheduler
	$(PYTHON) -m pytest -q --durations=5 --numprocesses=2 tests/random_clusters

lab-bases:
	$(PYTHON) -c "from tests.lab import base; list(map(base.prepare, base.RELEASES))"

# Labs mostly wait, so four at a time; one file's tests share theirs.
lab-tests: dependencies  ## whole clusters in containers, as root
	$(PYTHON) -m pytest -q --durations=20 --numprocesses=4 --dist=loadgroup -m "not xen" \
		tests/cluster tests/xen/test_interruptions.py

# Faults at random; see tests/chaos/README.md. make chaos ROUNDS=200 SEED=7 FENCING=ipmi SERVERS=3
ROUNDS = 20
SEED = 1
FENCING = sbd
SERVERS = 2
chaos: dependencies  ## faults at random in a lab, as root: ROUNDS=20 SEED=1 FENCING=sbd SERVERS=2
	tests/lab/chaos --rounds $(ROUNDS) --seed $(SEED) --fencing $(FENCING) --servers $(SERVERS)

# Real Xen on two emulated servers: its files take about three minutes the first time. The smoke set comes first, in any
# case, then what matters most: SNOW_HA_XEN_S says how many seconds there are, and what does not fit in is left out.
XEN = xen
test-xen test-xen-smoke: PACKAGES += $(XEN_PACKAGES)
test-xen: dependencies  ## real Xen under emulation, as root: an hour, or SNOW_HA_XEN_S seconds
	$(PYTHON) -m pytest -q --durations=10 -m "$(XEN)" \
		$(addprefix tests/xen/test_,agent.py xlcfg.py watchdog.py interruptions.py xenlab.py hypervisor.py split.py images.py)

test-xen-smoke: dependencies  ## the least of it
	$(PYTHON) -m pytest -q --durations=10 -m smoke tests/xen/test_agent.py tests/xen/test_watchdog.py

# Small, and those in labs, which wait, beside the others: only to see that the benchmarks work.
bench: dependencies  ## that the benchmarks work, as root
	$(MAKE) --jobs=2 --output-sync=target bench-in-labs bench-alone

bench-in-labs:
	tests/bench/registration --domains 4
	tests/bench/list-domains --servers 2 --domains 4 --rounds 1
	tests/bench/failover --fencing sbd --rounds 1 --watchdog 5

bench-alone:
	tests/bench/agent --rounds 10
	tests/bench/balance --small --without-optimum
	tests/bench/verbs --rounds 1 2x8
	tests/bench/images --mib 64

# The source and binary package, tested on the way, in build/.
deb: PACKAGES = $(BUILD_PACKAGES)
deb: dependencies  ## the Debian package, in build/
	rm -f build/snow-ha_*
	packaging/build-deb build
	lintian --allow-root --pedantic --fail-on error,warning build/snow-ha_*.changes

findings:  ## docs/findings.md, from the table of findings
	packaging/findings-page >docs/findings.md

# REPO=DIRECTORY: where it goes, best at once to its place on the shared file system.
REPO = build/apt-repo
apt-repo: deb  ## REPO=DIRECTORY: a signed repository with the package
	packaging/apt-repo $(REPO) build/snow-ha_$$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)_all.deb

dependencies:
	@missing=$$(LC_ALL=C dpkg-query --show --showformat='$${Package} $${db:Status-Status}\n' $(PACKAGES) 2>&1 | \
		sed -n '/ installed$$/d; s/^dpkg-query: no packages found matching //; s/ .*//; p'); \
	[ -n "$$missing" ] || exit 0; \
	[ -n "$(IS_ROOT)" ] || { echo "missing; as root: apt-get install" $$missing >&2; exit 77; }; \
	apt-get update -q && \
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(PACKAGES)

# PyPI's newest, looked for once a day and whenever this file has changed.
venv: dependencies
	@mkdir -p $(CACHE)
	@[ -x $(VENV)/bin/python ] || $(PYTHON) -m venv $(VENV)
	@[ -n "$$(find $(VENV)/upgraded -newer $(firstword $(MAKEFILE_LIST)) -mmin -1440 2>/dev/null)" ] || { \
		$(VENV)/bin/pip install -q --disable-pip-version-check --upgrade \
			click jinja2 jsonschema lxml mkdocs pluggy rich sh hypothesis prometheus-client pytest pytest-mock coverage \
			mypy==2.4.1 types-lxml==2026.2.16 ruff==0.17.6 && \
		touch $(VENV)/upgraded; }
