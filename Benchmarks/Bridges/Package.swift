// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// This is a package of its own, so that the other benchmarks do not build SwiftNIO.
let package = Package(
  name: "bridge-benchmarks",
  dependencies: [
    .package(name: "native-buffers", path: "../..", traits: ["FoundationBridge", "NIOBridge"]),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
  ],
  targets: [
    .executableTarget(
      name: "bridge-figures",
      dependencies: [
        .product(name: "NativeBuffers", package: "native-buffers"),
        .product(name: "NativeBuffersFoundation", package: "native-buffers"),
        .product(name: "NativeBuffersNIO", package: "native-buffers"),
        .product(name: "NIOCore", package: "swift-nio"),
      ],
      swiftSettings: [
        .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
        .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("ExistentialAny"),
      ])
  ]
)
