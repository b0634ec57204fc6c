#!/usr/bin/env bash
# Brings a checkout to the point where everything in it runs. The one place that decides how:
#   - a ROS 2 distribution is sourced: it is used as it is, and .venv only adds what it does not have (torch, ...);
#   - none is: ROS 2 Kilted comes from pinned wheels into .venv.
# Then the interfaces are built and checked. What is done and unchanged is not done again.
#
# Environment: PYTHON (interpreter to use), VIPER_ROS_SKIP_SYSTEM=1 (install no system packages).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
venv="$root/.venv"
logs="$root/log/setup"
stamps="$venv/.viper_ros"
steps=4
mkdir -p "$logs"

# Two calls at a time would install into one environment.
exec 9>"$logs/lock"
if command -v flock >/dev/null && ! flock --nonblock 9; then
  echo "another set-up is at work here; waiting for it"
  flock 9
fi

die() {
  printf '\nset-up failed: %s\n' "$1" >&2
  exit 1
}

# run NAME TITLE COMMAND...: one numbered step; the log's tail is shown if it fails.
run() {
  local name="$1" title="$2" started=$SECONDS
  shift 2
  printf '[%s/%s] %s (log/setup/%s.log) ...' "$step" "$steps" "$title" "$name"
  if "$@" >"$logs/$name.log" 2>&1 9>&-; then
    printf ' done in %d s\n' $((SECONDS - started))
  else
    printf ' FAILED after %d s\n' $((SECONDS - started))
    tail -n 40 "$logs/$name.log" >&2
    die "$title; the whole log is $logs/$name.log"
  fi
}

skip() { printf '[%s/%s] %s: up to date\n' "$step" "$steps" "$1"; }

# digest WORD... -- PATH...: what a step depends on.
digest() {
  local words=()
  while [ "$1" != "--" ]; do
    words+=("$1")
    shift
  done
  shift
  { printf '%s\n' "${words[@]}"; find "$@" -type f -not -name "*.pyc" -print0 | sort -z | xargs -0 cat; } | sha256sum | cut -d' ' -f1
}

is_done() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }

mark_done() {
  mkdir -p "$stamps"
  echo "$2" >"$stamps/$1"
}

# --- which ROS ---------------------------------------------------------------------------------------------------
if [ -n "${ROS_DISTRO:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ] && python3 -c 'import rclpy' 2>/dev/null; then
  ros="$ROS_DISTRO"
else
  ros="wheels"
fi

if [ "$(cat "$stamps/ros" 2>/dev/null || echo "$ros")" != "$ros" ]; then
  die "this .venv was made for ROS 2 from '$(cat "$stamps/ros")', and now it would be '$ros'. Use a shell in which the same
distribution is (or is not) sourced, or start over with 'make distclean'"
fi

# --- 1. system packages ------------------------------------------------------------------------------------------
python_is_usable() {
  "$1" - "$ros" <<'PY' 2>/dev/null
import ensurepip, os, sys, sysconfig, venv
newest = (3, 13) if sys.argv[1] == "wheels" else (3, 99)
headers = os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h"))
sys.exit(not ((3, 10) <= sys.version_info[:2] <= newest and headers))
PY
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.12 python3.11 python3.13 python3.10 /usr/bin/python3; do
    if command -v "$candidate" >/dev/null && python_is_usable "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

missing_packages() {
  local package
  # A software renderer for the simulated camera: EGL, or OSMesa where this release still has it.
  for package in libegl1 libegl-mesa0 libgl1 libgl1-mesa-dri libosmesa6; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
  command -v c++ >/dev/null && command -v make >/dev/null || echo build-essential
  find_python >/dev/null || printf '%s\n' python3 python3-venv python3-dev
  [ "$ros" = wheels ] || command -v colcon >/dev/null || echo python3-colcon-common-extensions
}

# Quietly none where the package is not known to this release (libosmesa6 has left the newest ones).
known_packages() {
  local package
  for package in "$@"; do
    apt-cache show "$package" >/dev/null 2>&1 && echo "$package"
  done
  return 0
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  # shellcheck disable=SC2046
  apt-get install -q -y --no-install-recommends $(known_packages "$@")
}

step=1
if [ -n "${VIPER_ROS_SKIP_SYSTEM:-}" ] || ! command -v dpkg-query >/dev/null; then
  printf '[%s/%s] system packages: not looked after here; needed: EGL (Mesa), a C++ compiler, make, Python headers\n' \
    "$step" "$steps"
else
  mapfile -t missing < <(missing_packages)
  attempted="$(digest "${missing[@]:-none}" -- scripts/setup.sh)"
  if [ "${#missing[@]}" -eq 0 ] || is_done system "$attempted"; then
    skip "system packages"
  elif [ "$(id -u)" -eq 0 ]; then
    run system "system packages: ${missing[*]}" apt_install "${missing[@]}"
    # What this release does not know stays missing: it is not asked for again.
    mapfile -t missing < <(missing_packages)
    system_stamp="$(digest "${missing[@]:-none}" -- scripts/setup.sh)"
  else
    printf '[%s/%s] system packages are missing. Please run, then come back:\n    sudo apt-get install %s\n' \
      "$step" "$steps" "${missing[*]}"
  fi
fi

# --- 2. Python environment ---------------------------------------------------------------------------------------
# A distribution's packages are compiled against the numpy and OpenCV that it ships: there, no pin may replace them.
constraints() {
  if [ "$ros" = wheels ]; then
    cat requirements/constraints.txt
  else
    grep -vE '^(numpy|opencv-python-headless|setuptools)==' requirements/constraints.txt
  fi
}

install_packages() {
  local pip=("$venv/bin/python" -m pip install --disable-pip-version-check --prefer-binary --progress-bar off)
  constraints >"$logs/constraints.txt"
  if [ "$ros" = wheels ]; then
    "${pip[@]}" -c "$logs/constraints.txt" -r requirements/base.txt -r requirements/dev.txt -r requirements/ros.txt
    "$venv/bin/python" scripts/fix_wheel_cmake.py
    "${pip[@]}" --no-deps --no-build-isolation -e .
  else
    "${pip[@]}" -c "$logs/constraints.txt" -r requirements/base.txt -r requirements/dev.txt
    "${pip[@]}" --no-deps -e . # isolated: a distribution's setuptools can be too old for editable installs
  fi
}

step=2
environment="$(digest "$ros" "$(uname -m)" -- requirements pyproject.toml setup.py scripts/fix_wheel_cmake.py)"
if [ -x "$venv/bin/python" ] && is_done environment "$environment"; then
  skip "Python environment ($ros)"
else
  if [ ! -x "$venv/bin/python" ]; then
    python="$(find_python)" || die "no Python 3.10 to 3.13 with venv and headers found; install python3-venv and
python3-dev, or name one: PYTHON=/usr/bin/python3.11 make setup"
    flags=()
    [ "$ros" = wheels ] || flags+=(--system-site-packages)
    run venv "Python environment: $("$python" --version), ROS 2: $ros" "$python" -m venv "${flags[@]}" "$venv"
  fi
  run packages "Python packages, about 2 minutes the first time" install_packages
  mark_done ros "$ros"
  mark_done environment "$environment"
  rm -f "$stamps/interfaces"
fi
[ -z "${system_stamp:-}" ] || mark_done system "$system_stamp"

# --- 3. interfaces -----------------------------------------------------------------------------------------------
build_interfaces() {
  local cmake=(-DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=Release)
  if [ "$ros" != wheels ]; then
    colcon build --base-paths . --merge-install --symlink-install --cmake-args "${cmake[@]}"
    return
  fi
  # Into the prefix of the wheels: then they are found like every other message, and no variable needs setting.
  # colcon looks for no package inside a package, so tf2_msgs takes no part unless it is named.
  export VIRTUAL_ENV="$venv" PATH="$venv/bin:$PATH" AMENT_PREFIX_PATH="$venv" CMAKE_PREFIX_PATH="$venv"
  cmake+=(-DVIPER_ROS_INTERFACES_ONLY=ON -Wno-dev --no-warn-unused-cli)
  colcon build --base-paths . vendor/tf2_msgs --install-base "$venv" --merge-install --cmake-args "${cmake[@]}"
  # pip would take this for a second installation of viper_ros and remove the modules with it.
  rm -rf "$venv"/lib/python3*/site-packages/viper_ros-*.egg-info
}

step=3
sources=(msg srv action vendor CMakeLists.txt package.xml viper_ros/__init__.py)
if [ "$ros" != wheels ]; then
  sources+=(launch config viper_ros)
fi
interfaces="$(digest "$ros" -- "${sources[@]}")"
if is_done interfaces "$interfaces"; then
  skip "interfaces"
else
  run interfaces "interfaces, about 1 minute the first time" build_interfaces
fi

# --- 4. check ----------------------------------------------------------------------------------------------------
# A shell of its own: setup files of a distribution read variables that are not set.
check() (
  set +u
  # shellcheck disable=SC1091
  source scripts/env.sh
  python -c 'import rclpy, cv2, cv_bridge, torch, viper_ros
from viper_ros.action import Ground
from viper_ros.msg import Grounding
from viper_ros.srv import Query
from tf2_msgs.msg import TFMessage
print(viper_ros.__path__)'
)

step=4
if is_done interfaces "$interfaces"; then
  skip "check"
else
  run check "check" check
  mark_done interfaces "$interfaces"
  echo "ready. In a shell of your own: source scripts/env.sh"
fi
