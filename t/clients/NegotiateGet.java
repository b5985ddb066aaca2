import java.io.IOException;
import java.io.InputStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.PasswordAuthentication;
import java.net.URL;

/**
 * Fetches pages as Java programs do that use HttpURLConnection and the user's ticket cache:
 * "STATUS NEGOTIATE_CHANNEL_BOUND" for each URL, or "refused", since HttpURLConnection has no status
 * for a ticket that was not taken. Run with java NegotiateGet.java URL...
 */
public class NegotiateGet {
    public static void main(String[] urls) throws Exception {
        // Without a ticket it would ask for a password: nobody is there.
        Authenticator.setDefault(new Authenticator() {
            protected PasswordAuthentication getPasswordAuthentication() {
                return null;
            }
        });
        for (String url : urls) {
            System.out.println(fetch((HttpURLConnection) new URL(url).openConnection()));
        }
    }

    private static String fetch(HttpURLConnection connection) throws Exception {
        connection.setConnectTimeout(20_000);
        connection.setReadTimeout(20_000);
        int status;
        try {
            status = connection.getResponseCode();
        } catch (IOException e) {
            return "Authentication failure".equals(e.getMessage()) ? "refused" : e.toString();
        }
        if (status != 200) {
            return Integer.toString(status);
        }
        try (InputStream body = connection.getInputStream()) {
            for (String line : new String(body.readAllBytes(), "UTF-8").split("\n")) {
                if (line.startsWith("NEGOTIATE_CHANNEL_BOUND=")) {
                    return status + " " + line.substring(line.indexOf('=') + 1);
                }
            }
        }
        return status + " without NEGOTIATE_CHANNEL_BOUND";
    }
}
