// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
]

// This is a package of its own, so that clients of native-buffers never resolve the dependencies of its benchmarks.
let package = Package(
  name: "native-buffers-benchmarks",
  products: [
    .executable(name: "buffer-figures", targets: ["buffer-figures"]),
    .executable(name: "hot-paths", targets: ["hot-paths"]),
    .executable(name: "bitmap-figures", targets: ["bitmap-figures"]),
    .executable(name: "picture-peer", targets: ["picture-peer"]),
    .executable(name: "live-buffers", targets: ["live-buffers"]),
  ],
  dependencies: [
    .package(name: "native-buffers", path: "../"),
    // Its default trait is off, because that needs another jemalloc, with which it counts mallocs.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    // Sinks that the optimiser cannot see through, clocks, counts, and the allocators for comparison.
    .target(name: "CBenchmarkSupport"),
    // The work that is measured. All programs below use it.
    .target(
      name: "BufferWorkloads",
      dependencies: [
        "CBenchmarkSupport", .product(name: "NativeBuffers", package: "native-buffers"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "FinalizationWorkloads",
      dependencies: [
        "BufferWorkloads", "CBenchmarkSupport", .product(name: "Finalization", package: "native-buffers"),
      ],
      swiftSettings: swiftSettings),
    // Prints one table with ratios in under a minute, without the harness.
    .executableTarget(
      name: "buffer-figures",
      dependencies: [
        "BufferWorkloads", "CBenchmarkSupport", "FinalizationWorkloads",
        .product(name: "NativeBuffers", package: "native-buffers"),
        .product(name: "Finalization", package: "native-buffers"),
        .product(name: "LeakAuditing", package: "native-buffers"),
      ],
      swiftSettings: swiftSettings),
    // Runs one path and nothing else, so that its instructions can be counted.
    .executableTarget(
      name: "hot-paths",
      dependencies: [
        "BufferWorkloads", "FinalizationWorkloads", .product(name: "NativeBuffers", package: "native-buffers"),
      ],
      swiftSettings: swiftSettings
    ),
    // Prints how long the operations of Bitmaps take.
    .executableTarget(
      name: "bitmap-figures",
      dependencies: [
        "CBenchmarkSupport", .product(name: "Bitmaps", package: "native-buffers"),
        .product(name: "NativeBuffers", package: "native-buffers"),
      ],
      swiftSettings: swiftSettings),
    // Does this library's part of the work of Peers/pictures.py.
    .executableTarget(
      name: "picture-peer",
      dependencies: [
        "CBenchmarkSupport", .product(name: "Bitmaps", package: "native-buffers"),
        .product(name: "NativeBuffers", package: "native-buffers"),
      ],
      swiftSettings: swiftSettings),
    // The process that Peers/attaching.py reads from outside.
    .executableTarget(
      name: "live-buffers",
      dependencies: [
        "BufferWorkloads", "CBenchmarkSupport", .product(name: "NativeBuffers", package: "native-buffers"),
      ],
      swiftSettings: swiftSettings),
    // Does the same work under ordo-one/benchmark, which has baselines, percentiles and thresholds.
    .executableTarget(
      name: "BufferBenchmarks",
      dependencies: [
        "BufferWorkloads", "CBenchmarkSupport", .product(name: "NativeBuffers", package: "native-buffers"),
        .product(name: "LeakAuditing", package: "native-buffers"),
        .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/BufferBenchmarks",
      swiftSettings: swiftSettings,
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    .executableTarget(
      name: "FinalizationBenchmarks",
      dependencies: [
        "BufferWorkloads", "FinalizationWorkloads", .product(name: "Finalization", package: "native-buffers"),
        .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/FinalizationBenchmarks",
      swiftSettings: swiftSettings,
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
  ]
)
