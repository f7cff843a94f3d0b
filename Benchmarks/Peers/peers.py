# SPDX-License-Identifier: Apache-2.0

"""The peers: their names, how each is built and started, and why it is missing if it cannot run on this machine."""

import dataclasses
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, ".build")
SUPPORT = os.path.join(HERE, "Swift", "Sources", "CPeerSupport")


@dataclasses.dataclass
class Peer:
    name: str
    # One of: ours, malloc, swift, jvm, node.
    family: str
    # Where its memory comes from, and what is special about that memory.
    memory: str
    version: str = ""
    command: list = dataclasses.field(default_factory=list)
    environment: dict = dataclasses.field(default_factory=dict)
    # Why it cannot run here; empty if it can.
    missing: str = ""


def output_of(command):
    """The command's standard output; empty if the command fails or does not exist."""
    try:
        result = subprocess.run(command, text=True, capture_output=True)
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def build(command, what):
    """Runs a build; returns why it failed, or an empty text if it succeeded."""
    print(f"building {what} ...", file=sys.stderr)
    try:
        result = subprocess.run(command, text=True, capture_output=True, cwd=HERE)
    except OSError as error:
        return f"{command[0]} cannot be run ({error.strerror})"
    if result.returncode == 0:
        return ""
    lines = [line for line in (result.stdout + result.stderr).splitlines() if "error" in line]
    return f"{what} did not build: {lines[0].strip() if lines else 'status ' + str(result.returncode)}"


def package_version(package):
    return output_of(["dpkg-query", "-W", "-f", "${Version}", package])


# C: the same program for all allocators, of which each is preloaded in turn.

def shared_library(name):
    for line in output_of(["/sbin/ldconfig", "-p"]).splitlines():
        if line.strip().startswith(name + " "):
            return line.split("=> ")[-1]
    return ""


def malloc_peers():
    program = os.path.join(BUILD, "malloc_peer")
    os.makedirs(BUILD, exist_ok=True)
    compiler = shutil.which("cc") or shutil.which("clang") or "cc"
    failure = build(
        [compiler, "-O2", "-D_Nullable=", "-D_Nonnull=", "-Wno-unknown-pragmas", "-I", os.path.join(SUPPORT, "include"),
         "-o", program, os.path.join(HERE, "C", "malloc_peer.c"), os.path.join(SUPPORT, "CPeerSupport.c")],
        "the C program")
    glibc = output_of(["getconf", "GNU_LIBC_VERSION"])
    peers = [Peer("glibc malloc", "malloc", "malloc=glibc", glibc, [program], missing=failure)]
    for name, library, package in [
        ("jemalloc malloc", "libjemalloc.so.2", "libjemalloc2"),
        ("mimalloc malloc", "libmimalloc.so.2", "libmimalloc2.0"),
        ("tcmalloc malloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
    ]:
        path = shared_library(library)
        peers.append(Peer(
            name, "malloc", f"malloc={name.split()[0]}", package_version(package), [program],
            environment={"LD_PRELOAD": path},
            missing=failure or ("" if path else f"{library} is not installed (Debian package {package})")))
    return peers


# Swift

def swift_peers():
    package = os.path.join(HERE, "Swift")
    command = ["swift", "build", "--package-path", package, "-c", "release"]
    failure = build(command, "the Swift programs")
    products = output_of(command + ["--show-bin-path"])
    version = re.search(r"Swift version (\S+)", output_of(["swift", "--version"]))
    version = f"Swift {version.group(1)}" if version else ""
    nio = nio_version(package)

    def peer(name, program, subject, memory, version=version, family="swift"):
        return Peer(name, family, memory, version, [os.path.join(products, program), subject], missing=failure)

    ours = "jemalloc arena of its own"
    return [
        peer("UniqueBuffer", "native-buffers-peer", "unique", ours, family="ours"),
        peer("NativeBuffer", "native-buffers-peer", "native", ours, family="ours"),
        peer("[UInt8]", "swift-peer", "array", "malloc=glibc, uninitialised"),
        peer("ManagedBuffer", "swift-peer", "managed-buffer", "malloc=glibc"),
        peer("Foundation Data", "swift-peer", "data", "malloc=glibc, zero-filled"),
        peer("NIO ByteBuffer", "swift-peer", "nio", "malloc=glibc, rounded up to a power of two", nio),
    ]


def nio_version(package):
    try:
        with open(os.path.join(package, "Package.resolved")) as file:
            found = re.search(r'"swift-nio".*?"version"\s*:\s*"([^"]+)"', file.read(), re.DOTALL)
    except OSError:
        return ""
    return f"swift-nio {found.group(1)}" if found else ""


# JVM

NETTY_FLAGS = [
    # Without these options, Netty frees memory through a Cleaner and is slower.
    "--add-opens", "java.base/java.nio=ALL-UNNAMED", "--add-opens", "java.base/jdk.internal.misc=ALL-UNNAMED",
    "-Dio.netty.tryReflectionSetAccessible=true",
]


def jvm_peers():
    jars = [f"/usr/share/java/netty-{part}.jar" for part in ("buffer", "common")]
    absent = [os.path.basename(jar) for jar in jars if not os.path.exists(jar)]
    java, javac = shutil.which("java"), shutil.which("javac")
    no_java = "" if java and javac else "java and javac are not installed (Debian package openjdk-17-jdk-headless)"
    no_netty = no_java or (f"{absent[0]} is not installed (Debian package libnetty-java)" if absent else "")
    version = output_of([java, "--version"]).splitlines()[:1] if java else []
    jdk = " ".join(version[0].split()[:2]) if version else ""
    classes = os.path.join(BUILD, "classes")
    os.makedirs(classes, exist_ok=True)
    source = os.path.join(HERE, "Java")
    compile_command = [
        javac or "javac", "-nowarn", "-XDignore.symbol.file", "-d", classes, os.path.join(source, "PeerRun.java")]
    failure = no_java or build(compile_command + [os.path.join(source, "CleanerPeer.java")], "the JDK program")
    netty_failure = failure or no_netty or build(
        compile_command + ["-cp", ":".join(jars), os.path.join(source, "NettyPeer.java")], "the Netty program")
    common = [java or "java", "-Xms256m", "-Xmx1g", "-XX:MaxDirectMemorySize=8g"]
    netty = "netty " + package_version("libnetty-java").split(":")[-1].split("-")[0]
    peers = [
        Peer(f"Netty pooled, leak detection {level}", "jvm", "pooled direct memory of Netty's", f"{netty}, {jdk}",
             common + NETTY_FLAGS
             + [f"-Dio.netty.leakDetection.level={level}", "-cp", ":".join([classes] + jars), "NettyPeer"],
             missing=netty_failure)
        for level in ("disabled", "simple", "advanced", "paranoid")
    ]
    peers.append(Peer(
        "JDK Cleaner + allocateDirect", "jvm", "malloc=glibc, zero-filled", jdk,
        common + ["-cp", classes, "CleanerPeer"], missing=failure))
    return peers


# Node

def node_peers():
    node = shutil.which("node")
    return [Peer(
        "Node Buffer + FinalizationRegistry", "node", "malloc=glibc, freed by the collector",
        f"node {output_of([node, '--version'])}" if node else "",
        [node or "node", os.path.join(HERE, "Node", "buffer_peer.mjs")],
        missing="" if node else "node is not installed (Debian package nodejs)")]


def all_peers():
    ours_and_swift = swift_peers()
    return ours_and_swift[:2] + malloc_peers() + ours_and_swift[2:] + jvm_peers() + node_peers()
