import Testing
import NativeBuffers
@Test func smoke() throws {
  let b = try NativeBuffer(byteCount: 100)
  try b.withMutableBytes { $0.storeBytes(of: 7, toByteOffset: 3, as: UInt8.self) }
  let v = try b.withBytes { unsafe $0.unsafeLoad(fromByteOffset: 3, as: UInt8.self) }
  #expect(v == 7)
  #expect(b.dispose())
  #expect(!b.dispose())
  #expect(throws: NativeBufferError.self) { _ = try b.pin() }
  do { _ = _ = try b.pin() } catch { print(error) }
  print(try Arena.shared.counts().count)
}
