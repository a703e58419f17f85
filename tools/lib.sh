# SPDX-License-Identifier: BSL-1.0
# shellcheck shell=bash
#
# Sourced by the scripts beside it:
#
#   ensure_packages GROUP...        what the groups need is there, or is installed with apt, or exit 2
#   build_preset PRESET [TARGET...] configures, with $configure_options if there are any, and builds
#   unpack_services                 what tests with the label `services` want is in PATH
#
# Groups: `demo` (the programs), `test` (demo, and what tests want), `sanitizers`, `clang`, `fuzz`, `tidy`.
# What is needed is tried out rather than looked up, so that a compiler, a CMake or a Boost that did not
# come from apt is as good; a second run finds all of it in half a second and asks apt nothing.

galaxy_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
CXX=${CXX:-g++}
# Most tests wait longer than they compute.
# shellcheck disable=SC2034  # for those that source this
tests_at_once=${CTEST_PARALLEL_LEVEL:-$((2 * CMAKE_BUILD_PARALLEL_LEVEL))}
configure_options=()
export CMAKE_BUILD_PARALLEL_LEVEL CXX

# compiles COMPILER LIBRARY... : the program on standard input compiles and links.
compiles() {
    local compiler=$1 object status=0
    shift
    command -v "$compiler" >/dev/null || return 1
    object=$(mktemp)
    "$compiler" -x c++ -std=c++20 - -x none -o "$object" "${@/#/-l}" >/dev/null 2>&1 || status=1
    rm -f "$object"
    return $status
}

has_compiler() { compiles "$CXX" <<<$'#include <coroutine>\nint main() {}'; }
has_cmake() {
    local version
    version=$(cmake --version 2>/dev/null | sed -n 's/^cmake version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    # shellcheck disable=SC2086  # two words
    set -- $version
    [ $((${1:-0} * 1000 + ${2:-0})) -ge 3025 ]
}
has_boost() {
    compiles "$CXX" boost_json boost_url <<'END'
#include <boost/version.hpp>
#include <boost/asio/version.hpp>
#include <boost/beast/version.hpp>
#if BOOST_VERSION < 108100 || !__has_include(<boost/json.hpp>) || !__has_include(<boost/url.hpp>)
#error
#endif
int main() {}
END
}
has_openssl() { compiles "$CXX" ssl crypto <<<$'#include <openssl/ssl.h>\nint main() {}'; }
has_sqlite() { compiles "$CXX" sqlite3 <<<$'#include <sqlite3.h>\nint main() {}'; }
has_catch2() {
    compiles "$CXX" Catch2 <<<$'#include <catch2/catch_version_macros.hpp>\nint main() {}'
}
has_sanitizers() {
    compiles "$CXX" asan ubsan <<<'int main() {}' \
        && compiles "$CXX" tsan <<<'int main() {}'
}
has_clang() { compiles clang++-19 <<<$'#include <coroutine>\nint main() {}'; }

has_fuzzer() {
    command -v clang++-19 >/dev/null || return 1
    local program status=0
    program=$(mktemp)
    clang++-19 -x c++ - -fsanitize=address,undefined,fuzzer -o "$program" >/dev/null 2>&1 <<'END' || status=1
extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }
END
    rm -f "$program"
    return $status
}

# Git of the project, whose owner root need not be.
project_git() { git -C "$galaxy_root" -c safe.directory='*' "$@"; }

debian_codename() { (. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}"); }

# Bookworm's unversioned Boost is 1.74.
boost_packages() {
    local version=
    [ "$(debian_codename)" = bookworm ] && version=1.81
    echo "libboost$version-dev libboost-json$version-dev libboost-url$version-dev"
}

# Prints the packages for what a group needs and does not find.
missing_for() {
    case $1 in
    demo)
        has_compiler || echo g++
        has_cmake || echo cmake
        command -v ninja >/dev/null || echo ninja-build
        has_boost || boost_packages
        has_openssl || echo libssl-dev
        has_sqlite || echo libsqlite3-dev
        ;;
    test)
        missing_for demo
        command -v ccache >/dev/null || echo ccache
        command -v pkg-config >/dev/null || echo pkg-config
        has_catch2 || echo catch2
        ;;
    sanitizers)
        has_compiler || echo g++
        has_sanitizers || echo "libasan8 libubsan1 libtsan2"
        ;;
    clang)
        has_clang || echo clang-19
        ;;
    fuzz)
        missing_for clang
        has_fuzzer || echo libclang-rt-19-dev
        ;;
    tidy)
        missing_for clang
        command -v clang-format-19 >/dev/null || echo clang-format-19
        command -v clang-tidy-19 >/dev/null || echo clang-tidy-19
        ;;
    services)
        command -v wrk >/dev/null || echo wrk
        PATH=$PATH:/usr/sbin command -v nginx >/dev/null || echo nginx
        command -v memcached >/dev/null || echo memcached
        command -v redis-server >/dev/null || echo redis-server
        ;;
    *)
        echo "ensure_packages: no such group: $1" >&2
        return 1
        ;;
    esac
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Without a compiler no library can be tried out: what dpkg knows to be there need not be installed.
not_installed() {
    local package
    for package in "$@"; do
        is_installed "$package" || echo "$package"
    done
}

# give_up REASON PACKAGE...
give_up() {
    local reason=$1
    shift
    {
        echo "$reason"
        echo "These packages are needed (as Debian 12 names them):"
        printf '    %s\n' "$@"
        case " $* " in
        *" catch2 "*) echo "catch2 has to be version 3, which bookworm has in bookworm-backports." ;;
        esac
    } >&2
    exit 2
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# The newest Catch2 of version 3 that a configured source has, as apt-get wants it named.
catch2_version() { apt-cache madison catch2 2>/dev/null | awk '$3 ~ /^3\./ { print $3; exit }'; }

# Where the machine gets Debian itself from, its backports are to be had too.
debian_mirror() {
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 2>/dev/null \
        | awk '$2 == "bookworm" { print $1; exit }'
}

add_backports() {
    local list=/etc/apt/sources.list.d/galaxy-backports.list mirror key=
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || return 1
    [ -f /usr/share/keyrings/debian-archive-keyring.gpg ] \
        && key='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] '
    echo "No configured source has Catch2 3: adding bookworm-backports in $list"
    echo "deb ${key}${mirror} bookworm-backports main" | as_root tee "$list" >/dev/null
    apt update
}

# install_packages PACKAGE...
install_packages() {
    local wanted=() package version
    command -v apt-get >/dev/null || give_up "There is no apt-get here." "$@"
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || give_up "Installing needs root or sudo." "$@"
    echo "Installing: $*"
    apt update || give_up "apt-get update failed." "$@"
    for package in "$@"; do
        if [ "$package" = catch2 ]; then
            [ -n "$(catch2_version)" ] || [ "$(debian_codename)" != bookworm ] || add_backports \
                || give_up "bookworm-backports cannot be reached." "$@"
            version=$(catch2_version)
            [ -n "$version" ] || give_up "No configured source has Catch2 3." "$@"
            package=catch2=$version
        fi
        wanted+=("$package")
    done
    apt install -y --no-remove --no-install-recommends "${wanted[@]}" \
        || give_up "apt-get could not install them (it was told to remove nothing)." "$@"
}

ensure_packages() {
    local group words missing=()
    for group in "$@"; do
        words=$(missing_for "$group") || exit 1
        # shellcheck disable=SC2206  # words are packages
        missing+=($words)
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
    command -v dpkg-query >/dev/null || give_up "Not everything that is needed is here." "${missing[@]}"

    local absent=()
    mapfile -t absent < <(not_installed "${missing[@]}")
    if [ ${#absent[@]} -gt 0 ]; then
        install_packages "${absent[@]}"
    fi
    for group in "$@"; do
        words=$(missing_for "$group") || exit 1
        # shellcheck disable=SC2086  # words are packages
        [ -z "$words" ] || give_up "Installed, and yet a program that uses it does not compile." $words
    done
}

# Unpacked into build/services, and not installed: installed, they would start with the machine.
unpack_services() {
    local folder=$galaxy_root/build/services missing=() package libraries
    PATH=$PATH:$folder/usr/bin:$folder/usr/sbin
    mapfile -t missing < <(missing_for services)
    if [ ${#missing[@]} -gt 0 ]; then
        command -v apt-get >/dev/null || give_up "There is no apt-get here." "${missing[@]}"
        echo "Unpacking into ${folder#"$galaxy_root"/}: ${missing[*]}"
        mkdir -p "$folder/archives/partial"
        apt update || give_up "apt-get update failed." "${missing[@]}"
        apt install -y --no-install-recommends --download-only \
            -o Dir::Cache::archives="$folder/archives" "${missing[@]}" \
            || give_up "apt-get could not fetch them." "${missing[@]}"
        for package in "$folder"/archives/*.deb; do dpkg-deb -x "$package" "$folder"; done
    fi
    libraries=$(printf '%s:' "$folder"/usr/lib/*-linux-gnu "$folder"/lib/*-linux-gnu)
    export PATH LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:-}
}

# Warnings are errors to those who change galaxy, and to nobody who only builds it, whatever the compiler.
# With CMAKE_UNITY_BUILD=ON several sources are compiled at once, which from nothing takes half the time.
build_preset() {
    local preset=$1 log options=("${configure_options[@]}")
    shift
    # The variable is for the builds within tests, which the flag does not reach.
    [ -n "${CI:-}" ] || options+=(--compile-no-warning-as-error -DCMAKE_COMPILE_WARNING_AS_ERROR=OFF)
    [ -z "${CMAKE_UNITY_BUILD:-}" ] || options+=(-DCMAKE_UNITY_BUILD="$CMAKE_UNITY_BUILD")
    log=$(mktemp)
    if ! (cd "$galaxy_root" && cmake --preset "$preset" "${options[@]}") >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
    (cd "$galaxy_root" && cmake --build --preset "$preset" ${1:+--target "$@"})
}
