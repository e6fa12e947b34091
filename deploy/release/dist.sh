#!/usr/bin/env bash
# Makes the files of a release for one target: an archive of the static binary, its bill of materials, the chart, and
# the SHA-256 sums of all. `make dist` calls it.
#
#   deploy/release/dist.sh x86_64-unknown-linux-musl
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$1
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
name=tenterhook-$version-$target
out=target/release-files
# The same sources give the same archives.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

archive() { # ARCHIVE FOLDER NAME
  tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --directory="$2" "$3" |
    gzip --no-name --best > "$1"
}

cargo build --locked --profile dist --target "$target" --package tenterhook

rm -rf "$out"
folder=$out/stage/$name
mkdir -p "$folder"
install -m 0755 "target/$target/dist/tenterhook" "$folder/"
install -m 0644 LICENSE README.md CHANGELOG.md "$folder/"
install -m 0644 crates/proto/src/generated/reflection.bin "$folder/tenterhook.protoset"
cp -r proto docs "$folder/"
mkdir "$folder/deploy"
cp -r deploy/{systemd,container,kubernetes,helm,prometheus,grafana} "$folder/deploy/"
python3 deploy/release/licences.py "$target" > "$folder/THIRD-PARTY-LICENCES.txt"
"$folder/tenterhook" --version

archive "$out/$name.tar.gz" "$out/stage" "$name"
archive "$out/tenterhook-chart-$version.tgz" deploy/helm tenterhook
python3 deploy/release/sbom.py "$target" > "$out/$name.cdx.json"
rm -rf "$out/stage"
(cd "$out" && sha256sum -- * > SHA256SUMS)
ls -l "$out"
