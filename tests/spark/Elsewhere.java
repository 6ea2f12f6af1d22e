import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.util.Arrays;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;

/**
 * A bucket or a name node that is a folder of this machine: `elsewhere.root`/scheme/name. A bucket
 * wants to know the key `elsewhere.key`.
 */
public class Elsewhere extends RawLocalFileSystem {
  private URI address;
  private File folder;

  @Override
  public void initialize(URI uri, Configuration conf) throws IOException {
    address = URI.create(uri.getScheme() + "://" + uri.getAuthority());
    folder = new File(conf.get("elsewhere.root"), uri.getScheme() + "/" + uri.getHost());
    String key = conf.get("elsewhere.key");
    if (uri.getScheme().equals("s3a") && !key.equals(conf.get("fs.s3a.access.key"))) {
      throw new IOException("403 Forbidden: " + address);
    }
    super.initialize(uri, conf);
    setWorkingDirectory(new Path(address + "/"));
  }

  @Override
  public URI getUri() {
    return address == null ? super.getUri() : address;
  }

  @Override
  public String getScheme() {
    return getUri().getScheme();
  }

  @Override
  public File pathToFile(Path path) {
    checkPath(path);
    return new File(folder, path.toUri().getPath());
  }

  @Override
  public FileStatus getFileStatus(Path path) throws IOException {
    File file = pathToFile(path);
    if (!file.exists()) {
      throw new FileNotFoundException("No such file or directory: " + path);
    }
    Path whole = makeQualified(path);
    long size = file.isDirectory() ? 0 : file.length();
    return new FileStatus(size, file.isDirectory(), 1, 1 << 25, file.lastModified(), whole);
  }

  @Override
  public FileStatus[] listStatus(Path path) throws IOException {
    if (!getFileStatus(path).isDirectory()) {
      return new FileStatus[] {getFileStatus(path)};
    }
    String[] names = pathToFile(path).list();
    Arrays.sort(names);
    FileStatus[] found = new FileStatus[names.length];
    for (int i = 0; i < names.length; i++) {
      found[i] = getFileStatus(new Path(path, new Path(null, null, names[i])));
    }
    return found;
  }
}
