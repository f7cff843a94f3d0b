// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

/// A file descriptor that is closed exactly once, by deinit at the latest: a ``NativeResource`` in the
/// ``FileDescriptorDomain``.
///
///     let (reader, writer) = try OwnedFileDescriptor.pipe()
///     try writer.withHandle { _ = try $0.writeAll("hello".utf8) }
///     try writer.close()
public typealias OwnedFileDescriptor = NativeResource<FileDescriptor>

extension NativeResource where Handle == FileDescriptor {
  /// Owns an open descriptor. If `dispose()` or the deinit closes it, an error of the closing is ignored.
  /// - Throws: ``FinalizationError`` if the ledger is full; the descriptor then still belongs to the caller.
  public convenience init(
    owning descriptor: FileDescriptor, file: StaticString = #fileID, line: UInt = #line,
    function: StaticString = #function
  ) throws(FinalizationError) {
    try self.init(
      descriptor, domain: FileDescriptorDomain.sharedID, file: file, line: line, function: function
    ) { descriptor in
      try? descriptor.close()
    }
    FileDescriptorDomain.shared.count(descriptor.rawValue)
  }

  /// Opens a file. Parameters as for `FileDescriptor.open`.
  public static func open(
    _ path: FilePath, _ mode: FileDescriptor.AccessMode, options: FileDescriptor.OpenOptions = [],
    permissions: FilePermissions? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws -> OwnedFileDescriptor {
    // Before the descriptor exists, so that the domain does not take it for one that was open when the domain began.
    _ = FileDescriptorDomain.shared
    let descriptor = try FileDescriptor.open(path, mode, options: options, permissions: permissions)
    return try own(descriptor, file: file, line: line, function: function)
  }

  /// Makes a pipe.
  public static func pipe(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws -> (reader: OwnedFileDescriptor, writer: OwnedFileDescriptor) {
    _ = FileDescriptorDomain.shared
    let (readEnd, writeEnd) = try FileDescriptor.pipe()
    let reader: OwnedFileDescriptor
    do { reader = try own(readEnd, file: file, line: line, function: function) } catch {
      try? writeEnd.close()
      throw error
    }
    return (reader, try own(writeEnd, file: file, line: line, function: function))
  }

  /// Closes the descriptor, and throws the error of the kernel, for example if the disk is full.
  /// - Throws: `Errno` from the kernel; ``FinalizationError`` after dispose or detach, and while it is in use.
  public func close() throws { try detach().close() }

  private static func own(
    _ descriptor: FileDescriptor, file: StaticString, line: UInt, function: StaticString
  ) throws -> OwnedFileDescriptor {
    do {
      return try OwnedFileDescriptor(owning: descriptor, file: file, line: line, function: function)
    } catch {
      try? descriptor.close()
      throw error
    }
  }
}
