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

// A package of its own, so that clients of native-buffers never resolve what only the benchmarks need.
let package = Package(
  name: "native-buffers-benchmarks",
  products: [
    .executable(name: "buffer-figures", targets: ["buffer-figures"]),
    .executable(name: "hot-paths", targets: ["hot-paths"]),
    .executable(name: "bitmap-figures", targets: ["bitmap-figures"]),
    .executable(name: "picture-peer", targets: ["picture-peer"]),
  ],
  dependencies: [
    .package(name: "native-buffers", path: "../"),
    // Without its default trait, which wants a jemalloc of its own for counting mallocs.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    // Opaque sinks, clocks, fault counts, and the allocators that rows are compared with.
    .target(name: "CBenchmarkSupport"),
    // The work that rows do, once for all programs below.
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
    // One table of ratios in under a minute, without the harness.
    .executableTarget(
      name: "buffer-figures",
      dependencies: [
        "BufferWorkloads", "CBenchmarkSupport", "FinalizationWorkloads",
        .product(name: "NativeBuffers", package: "native-buffers"),
        .product(name: "Finalization", package: "native-buffers"),
        .product(name: "LeakAuditing", package: "native-buffers"),
      ],
      swiftSettings: swiftSettings),
    // One path at a time, for counting instructions.
    .executableTarget(
      name: "hot-paths", dependencies: ["BufferWorkloads", "FinalizationWorkloads"], swiftSettings: swiftSettings
    ),
    // What the operations of Bitmaps take.
    .executableTarget(
      name: "bitmap-figures",
      dependencies: [
        "CBenchmarkSupport", .product(name: "Bitmaps", package: "native-buffers"),
        .product(name: "NativeBuffers", package: "native-buffers"),
      ],
      swiftSettings: swiftSettings),
    // Our side of Peers/pictures.py.
    .executableTarget(
      name: "picture-peer",
      dependencies: [
        "CBenchmarkSupport", .product(name: "Bitmaps", package: "native-buffers"),
        .product(name: "NativeBuffers", package: "native-buffers"),
      ],
      swiftSettings: swiftSettings),
    // The same work under ordo-one/benchmark: baselines, percentiles, thresholds.
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
