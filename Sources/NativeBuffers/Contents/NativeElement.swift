// SPDX-License-Identifier: Apache-2.0

/// An element of a typed view: a type of which every pattern of bits is a value, so that any bytes can be read as it.
///
/// The fixed-width integers, the floating-point types, and the SIMD vectors of both are elements. Your own struct can
/// be one if it holds only such fields. The compiler cannot check this, so you promise it, in unsafe code:
///
///     struct Point: NativeElement {
///       var x: Float
///       var y: Float
///       static var bitPatterns: AnyBitPattern<Point> { unsafe AnyBitPattern(unsafePromisedFor: Point.self) }
///     }
public protocol NativeElement {
  // `BitwiseCopyable` is not demanded here, because Swift does not let the SIMD vectors conform then: a marker protocol
  // cannot be a condition of their conformance. `AnyBitPattern` demands it of clients' types.

  /// The promise that every pattern of bytes is a value of the type.
  static var bitPatterns: AnyBitPattern<Self> { get }
}

/// The promise that every pattern of bits is a value of a type, so that memory with any content can be read as that
/// type.
public struct AnyBitPattern<Value>: Sendable {
  /// The promise for a type of this package, or of the standard library.
  package init(knownFor type: Value.Type) {}
}

extension AnyBitPattern where Value: BitwiseCopyable {
  /// - Parameter type: A type of integers, floats, and structs of them, without an enum, `Bool`, `Unicode.Scalar`,
  ///   reference or pointer in it. To make values of any other type from arbitrary bytes is undefined behaviour.
  @unsafe
  public init(unsafePromisedFor type: Value.Type) { self.init(knownFor: type) }
}

extension NativeElement where Self: FixedWidthInteger {
  public static var bitPatterns: AnyBitPattern<Self> { AnyBitPattern(knownFor: Self.self) }
}

extension NativeElement where Self: BinaryFloatingPoint {
  public static var bitPatterns: AnyBitPattern<Self> { AnyBitPattern(knownFor: Self.self) }
}

extension NativeElement where Self: SIMD {
  public static var bitPatterns: AnyBitPattern<Self> { AnyBitPattern(knownFor: Self.self) }
}

extension Int8: NativeElement {}
extension Int16: NativeElement {}
extension Int32: NativeElement {}
extension Int64: NativeElement {}
extension Int128: NativeElement {}
extension Int: NativeElement {}
extension UInt8: NativeElement {}
extension UInt16: NativeElement {}
extension UInt32: NativeElement {}
extension UInt64: NativeElement {}
extension UInt128: NativeElement {}
extension UInt: NativeElement {}
extension Float16: NativeElement {}
extension Float: NativeElement {}
extension Double: NativeElement {}
extension SIMD2: NativeElement where Scalar: NativeElement {}
extension SIMD3: NativeElement where Scalar: NativeElement {}
extension SIMD4: NativeElement where Scalar: NativeElement {}
extension SIMD8: NativeElement where Scalar: NativeElement {}
extension SIMD16: NativeElement where Scalar: NativeElement {}
extension SIMD32: NativeElement where Scalar: NativeElement {}
extension SIMD64: NativeElement where Scalar: NativeElement {}
