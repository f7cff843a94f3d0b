import Glibc
import Synchronization

/// Writing a file at once or not at all.
enum AtomicFile {
  private static let sequence = Atomic<UInt64>(0)

  /// Writes a temporary file beside `path` and renames it. Errors do not name the path: the caller does.
  static func write(_ bytes: UnsafeRawBufferPointer, toFileAt path: String) throws(BitmapError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw BitmapError(.unwritableFile, "this is no path of a file: it is empty or has a NUL in it.")
    }
    let (descriptor, temporaryPath) = try createTemporaryFile(beside: path)
    do throws(BitmapError) {
      do throws(BitmapError) {
        try unsafe write(bytes, to: descriptor)
      } catch {
        close(descriptor)
        throw error
      }
      // Some file systems report a full disk only here.
      guard close(descriptor) == 0 else { throw failure("the file cannot be written") }
      guard unsafe rename(temporaryPath, path) == 0 else { throw failure("the file cannot take its name") }
    } catch {
      unsafe unlink(temporaryPath)
      throw error
    }
  }

  private static func createTemporaryFile(beside path: String) throws(BitmapError) -> (Int32, path: String) {
    let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
    // A short name of its own: the target's name may already be as long as a name can be.
    for _ in 0..<100 {
      let number = sequence.wrappingAdd(1, ordering: .relaxed).newValue
      let temporaryPath = "\(folder).bitmap-\(getpid())-\(number).tmp"
      let descriptor = unsafe open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (descriptor, temporaryPath) }
      // Left over by a process of the same number that was killed.
      guard errno == EEXIST else { break }
    }
    throw failure("no file can be created in its folder")
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws(BitmapError) {
    var count = 0
    while count < bytes.count {
      let result = retryingInterrupted {
        unsafe Glibc.write(descriptor, bytes.baseAddress?.advanced(by: count), bytes.count - count)
      }
      guard result >= 0 else { throw failure("the file cannot be written") }
      count += result
    }
  }

  private static func failure(_ what: String) -> BitmapError {
    BitmapError(.unwritableFile, what, systemErrorNumber: errno).explained()
  }
}
