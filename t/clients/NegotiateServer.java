import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.PrivilegedExceptionAction;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import javax.security.auth.Subject;
import javax.security.auth.login.AppConfigurationEntry;
import javax.security.auth.login.Configuration;
import javax.security.auth.login.LoginContext;
import org.ietf.jgss.GSSContext;
import org.ietf.jgss.GSSManager;

/**
 * A backend with a SPNEGO and a Kerberos of its own: answers REMOTE_USER=principal, and a final token.
 * Run with java NegotiateServer.java PORT PRINCIPAL KEYTAB
 */
public class NegotiateServer {
    public static void main(String[] args) throws Exception {
        Subject subject = login(args[1], args[2]);
        HttpServer server = HttpServer.create(
            new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 20);
        server.createContext("/", exchange -> {
            try {
                Subject.doAs(subject, (PrivilegedExceptionAction<Void>) () -> answer(exchange));
            } catch (Exception e) {
                send(exchange, 401, e.toString());
            }
        });
        server.start();
    }

    private static Subject login(String principal, String keytab) throws Exception {
        Map<String, String> options = new HashMap<>();
        options.put("useKeyTab", "true");
        options.put("keyTab", keytab);
        options.put("principal", principal);
        options.put("storeKey", "true");
        options.put("isInitiator", "false");
        LoginContext login = new LoginContext("server", null, null, new Configuration() {
            public AppConfigurationEntry[] getAppConfigurationEntry(String name) {
                return new AppConfigurationEntry[] {new AppConfigurationEntry(
                    "com.sun.security.auth.module.Krb5LoginModule",
                    AppConfigurationEntry.LoginModuleControlFlag.REQUIRED, options)};
            }
        });
        login.login();
        return login.getSubject();
    }

    private static Void answer(HttpExchange exchange) throws Exception {
        String line = exchange.getRequestHeaders().getFirst("Authorization");
        if (line == null || !line.startsWith("Negotiate ")) {
            exchange.getResponseHeaders().set("WWW-Authenticate", "Negotiate");
            return send(exchange, 401, "no token");
        }
        byte[] token = Base64.getDecoder().decode(line.substring("Negotiate ".length()));
        GSSContext context = GSSManager.getInstance().createContext((org.ietf.jgss.GSSCredential) null);
        byte[] reply = context.acceptSecContext(token, 0, token.length);
        if (reply != null)
            exchange.getResponseHeaders().set("WWW-Authenticate",
                "Negotiate " + Base64.getEncoder().encodeToString(reply));
        return send(exchange, context.isEstablished() ? 200 : 401,
            "REMOTE_USER=" + context.getSrcName() + "\n");
    }

    private static Void send(HttpExchange exchange, int status, String text) throws java.io.IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
        return null;
    }
}
