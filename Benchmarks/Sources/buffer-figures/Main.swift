import BufferWorkloads

@main
struct Main {
  static func main() throws {
    Memory.checkProcessMalloc()
    try CreateAndDispose.uniqueBuffer(64, .untouched).run(1_000)
  }
}
