// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import Foundation
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableExperimentalFeature("Lifetimes"),
]

// Debian's jemalloc also defines malloc and operator new. A process calls those of the library that is linked first. So
// libstdc++ and libc come before jemalloc: a program keeps the malloc that it had. The trait puts jemalloc first.
let jemallocLink: [LinkerSetting] = [
  .linkedLibrary("jemalloc", .when(traits: ["JemallocMalloc"])),
  .linkedLibrary("stdc++"), .linkedLibrary("c"), .linkedLibrary("jemalloc"),
]

let nioCore: Target.Dependency = .product(
  name: "NIOCore", package: "swift-nio", condition: .when(traits: ["NIOBridge"]))

let formatLibraries: [Target.Dependency] = [
  .product(name: "Mustache", package: "swift-mustache", condition: .when(traits: ["AllFormats"]))
]

let package = Package(
  name: "native-buffers",
  products: [
    .library(name: "NativeBuffers", targets: ["NativeBuffers"]),
    .library(name: "Finalization", targets: ["Finalization"]),
    .library(name: "LeakAuditing", targets: ["LeakAuditing"]),
    .library(name: "Bitmaps", targets: ["Bitmaps"]),
    .library(name: "NativeBuffersFoundation", targets: ["NativeBuffersFoundation"]),
    .library(name: "NativeBuffersNIO", targets: ["NativeBuffersNIO"]),
    .library(name: "BitmapsNIO", targets: ["BitmapsNIO"]),
    .executable(name: "leak-audit", targets: ["leak-audit"]),
    .executable(name: "leak-audit-reader", targets: ["leak-audit-reader"]),
    .executable(name: "thumbnails", targets: ["thumbnails"]),
  ],
  traits: [
    .default(enabledTraits: ["AllFormats"]),
    .trait(
      name: "AllFormats",
      description: "leak-audit has all forms of reports. A package that uses only the libraries can do without."),
    .trait(
      name: "JemallocMalloc",
      description: "The whole process gets jemalloc's malloc. Without it, the process keeps its own."),
    .trait(
      name: "FoundationBridge",
      description: "Data and DispatchData share memory with native buffers: the product NativeBuffersFoundation."),
    .trait(
      name: "NIOBridge",
      description: "ByteBuffer of SwiftNIO shares memory with buffers: the products NativeBuffersNIO, BitmapsNIO."),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.4.0"),
    // Is fetched only with the trait NIOBridge.
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    // Is fetched only with the trait AllFormats.
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
  ],
  targets: [
    // Floor 0
    .target(name: "CJemalloc", linkerSettings: jemallocLink),
    .target(name: "CNativeRuntime"),
    // Floor 1
    .target(name: "NativeSynchronization", dependencies: ["CNativeRuntime"], swiftSettings: swiftSettings),
    .target(
      name: "ResourceLedger", dependencies: ["CNativeRuntime", "NativeSynchronization"], swiftSettings: swiftSettings),
    // Floor 2
    .target(
      name: "LedgerReading", dependencies: ["CNativeRuntime", "NativeSynchronization", "ResourceLedger"],
      swiftSettings: swiftSettings),
    .target(
      name: "Finalization",
      dependencies: [
        "CNativeRuntime", "NativeSynchronization", "ResourceLedger",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "NativeBuffers",
      dependencies: [
        "CJemalloc", "CNativeRuntime", "NativeSynchronization", "ResourceLedger",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: swiftSettings),
    // Floor 3
    .target(
      name: "LeakAuditing",
      dependencies: ["LedgerReading", "NativeBuffers", "NativeSynchronization", "ResourceLedger"],
      swiftSettings: swiftSettings),
    .target(
      name: "CImageCodecs",
      linkerSettings: [
        .linkedLibrary("jpeg"), .linkedLibrary("png"), .linkedLibrary("webp"), .linkedLibrary("z"),
      ]),
    .target(name: "CPixelKernels"),
    .target(
      name: "Bitmaps", dependencies: ["CImageCodecs", "CPixelKernels", "NativeBuffers", "NativeSynchronization"],
      swiftSettings: swiftSettings),
    // Floor 4
    // Without its trait, a bridge is an empty module.
    .target(name: "NativeBuffersFoundation", dependencies: ["NativeBuffers"], swiftSettings: swiftSettings),
    .target(
      name: "NativeBuffersNIO", dependencies: ["NativeBuffers", nioCore], swiftSettings: swiftSettings),
    .target(name: "BitmapsNIO", dependencies: ["Bitmaps", nioCore], swiftSettings: swiftSettings),
    .target(
      name: "CommandOutput",
      dependencies: ["NativeSynchronization", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: swiftSettings),
    .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
    // Depends on nothing that needs jemalloc or an image library, so that leak-audit-reader is one static file.
    .target(
      name: "LeakAuditCommands",
      dependencies: [
        "CommandOutput", "CZlib", "LedgerReading", "NativeSynchronization", "ResourceLedger",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ] + formatLibraries,
      exclude: ["Formats/report.schema.json"],
      swiftSettings: swiftSettings + [.enableUpcomingFeature("InternalImportsByDefault")]),
    .target(
      name: "CommandSupport",
      dependencies: [
        "Bitmaps", "CommandOutput", "NativeBuffers", "NativeSynchronization",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "leak-audit",
      dependencies: [
        "Bitmaps", "CommandOutput", "CommandSupport", "LeakAuditCommands", "LeakAuditing", "NativeBuffers",
        "ResourceLedger",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "leak-audit-reader",
      dependencies: [
        "CommandOutput", "LeakAuditCommands", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "thumbnails",
      dependencies: [
        "Bitmaps", "CommandOutput", "CommandSupport", "LeakAuditing", "NativeBuffers", "ResourceLedger",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),

    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swiftSettings),
    .executableTarget(
      name: "fork-trials",
      dependencies: [
        "Finalization", "LeakAuditing", "NativeBuffers", "NativeSynchronization", "ResourceLedger",
        "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Tests/ForkTrials", swiftSettings: swiftSettings),
    .executableTarget(
      name: "ledger-trials",
      dependencies: [
        "Finalization", "LedgerReading", "NativeBuffers", "NativeSynchronization", "ResourceLedger", "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Tests/LedgerTrials", swiftSettings: swiftSettings),
    .testTarget(
      name: "ForkTests", dependencies: ["fork-trials", "ResourceLedger", "TestSupport"], swiftSettings: swiftSettings),
    .testTarget(
      name: "NativeSynchronizationTests", dependencies: ["NativeSynchronization", "ResourceLedger"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ResourceLedgerTests", dependencies: ["NativeSynchronization", "ResourceLedger", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "LedgerReadingTests",
      dependencies: ["ledger-trials", "LedgerReading", "NativeBuffers", "ResourceLedger", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "LedgerTrialTests",
      dependencies: ["leak-audit", "ledger-trials", "LedgerReading", "ResourceLedger", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "FinalizationTests",
      dependencies: [
        "CNativeRuntime", "Finalization", "LeakAuditing", "NativeBuffers", "NativeSynchronization", "ResourceLedger",
        "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      exclude: ["CONFORMANCE.md", "Glue"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "NativeBuffersTests",
      dependencies: [
        "CJemalloc", "CNativeRuntime", "NativeBuffers", "NativeSynchronization", "ResourceLedger", "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "LeakAuditingTests",
      dependencies: [
        "LeakAuditing", "LedgerReading", "Finalization", "NativeBuffers", "NativeSynchronization", "ResourceLedger",
        "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "BitmapsTests",
      dependencies: [
        "Bitmaps", "CImageCodecs", "LeakAuditing", "NativeBuffers", "ResourceLedger", "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: swiftSettings),
    // Has tests only with the traits of the bridges.
    .testTarget(
      name: "BridgeTests",
      dependencies: [
        "Bitmaps", "BitmapsNIO", "LeakAuditing", "NativeBuffers", "NativeBuffersFoundation", "NativeBuffersNIO",
        "TestSupport", nioCore,
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "LeakAuditCommandTests",
      dependencies: [
        "leak-audit", "leak-audit-reader", "ledger-trials", "thumbnails", "Bitmaps", "CommandOutput", "CommandSupport",
        "LeakAuditCommands", "LeakAuditing", "LedgerReading", "NativeBuffers", "ResourceLedger", "TestSupport",
      ],
      swiftSettings: swiftSettings),
  ]
)

// The checks with sanitizers need only some of the test targets: `NATIVE_BUFFERS_TESTS` names them. To build the others
// and the commands with a sanitizer takes minutes.
if let tests = ProcessInfo.processInfo.environment["NATIVE_BUFFERS_TESTS"] {
  let names = tests.split(separator: " ").map(String.init)
  package.targets.removeAll { $0.type == .test && !names.contains($0.name) }
}

// The fuzzing targets have no main function: they get one from `--sanitize=fuzzer`. So only a build for fuzzing has one
// of them: `NATIVE_BUFFERS_FUZZING` says which.
if let fuzzing = ProcessInfo.processInfo.environment["NATIVE_BUFFERS_FUZZING"] {
  let isLedger = fuzzing == "ledger"
  package.targets.append(
    .executableTarget(
      name: isLedger ? "fuzz-ledger" : "fuzz-decoding",
      dependencies: isLedger ? ["LedgerReading", "TestSupport"] : ["Bitmaps", "LeakAuditing", "NativeBuffers"],
      path: isLedger ? "Tests/LedgerFuzzing" : "Tests/Fuzzing", exclude: isLedger ? ["README", "Seeds"] : ["Seeds"],
      swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]))
  // SwiftPM passes swiftc one flag for each sanitizer, in an order that differs between runs. swiftc uses only the last
  // of these flags (clang uses all), so Swift code would get either AddressSanitizer or coverage. The flags that are
  // added here come last. Only the module that is fuzzed gets coverage. With coverage of the other modules, libFuzzer
  // would keep inputs that only take another way through the accounting.
  let fuzzed = isLedger ? "LedgerReading" : "Bitmaps"
  for target in package.targets {
    let sanitizers = target.name == fuzzed ? "address,fuzzer" : "address"
    target.swiftSettings?.append(.unsafeFlags(["-sanitize=\(sanitizers)"]))
  }
}
