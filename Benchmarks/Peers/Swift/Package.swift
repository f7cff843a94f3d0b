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

// Peers of native-buffers that are written in Swift, and native-buffers itself. This is a package of its own, so that
// the other benchmarks do not resolve swift-nio.
let package = Package(
  name: "native-buffers-peers",
  dependencies: [
    .package(name: "native-buffers", path: "../../../"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: [
    .target(name: "CPeerSupport"),
    // This does not link jemalloc, so malloc is glibc's.
    .executableTarget(
      name: "swift-peer", dependencies: ["CPeerSupport", .product(name: "NIOCore", package: "swift-nio")],
      swiftSettings: swiftSettings),
    // This links jemalloc, because native-buffers does.
    .executableTarget(
      name: "native-buffers-peer",
      dependencies: ["CPeerSupport", .product(name: "NativeBuffers", package: "native-buffers")],
      swiftSettings: swiftSettings),
  ]
)
