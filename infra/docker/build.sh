#!/bin/sh
# What the image's build stage runs, and what its test runs outside Docker: from a clean copy of the sources to a pruned
# production tree in $1 (default out/). Needs node, npm and the registry; nothing else.
set -eu
out=${1:-out}
npm ci --no-audit --no-fund --loglevel=error
node tools/bin/build.mjs
npm prune --omit=dev --no-audit --no-fund --loglevel=error
mkdir -p "$out"
# Workspace links in node_modules point to ../../libs and ../../services, so the tree keeps its shape.
cp -R node_modules package.json proto playbook models "$out/"
for project in libs/* services/*; do
  mkdir -p "$out/$project"
  cp -R "$project/package.json" "$project/dist" "$out/$project/"
done
# What is read beside the code.
cp -R libs/playbook/schema "$out/libs/playbook/"
mkdir -p "$out/infra/docker"
cp infra/docker/health.mjs "$out/infra/docker/"
# Only this platform's native binaries stay.
platform=$(node -p 'process.platform')
arch=$(node -p 'process.arch')
for dir in "$out"/node_modules/onnxruntime-node/bin/napi-v*/*; do
  [ "$(basename "$dir")" = "$platform" ] || rm -rf "$dir"
done
for dir in "$out"/node_modules/onnxruntime-node/bin/napi-v*/"$platform"/*; do
  [ "$(basename "$dir")" = "$arch" ] || rm -rf "$dir"
done
find "$out/node_modules" -name '*.map' -delete
