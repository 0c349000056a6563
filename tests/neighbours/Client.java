import java.net.CookieManager;
import java.net.CookiePolicy;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** Logs in, fills its session, and prints who it is before and after it has logged out. */
public class Client {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .cookieHandler(new CookieManager(null, CookiePolicy.ACCEPT_ALL))
            .build();
        for (String step : new String[] {"POST /login", "POST /fill/100", "GET /who", "POST /logout", "GET /who"}) {
            String[] words = step.split(" ");
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + words[1]))
                .method(words[0], HttpRequest.BodyPublishers.noBody())
                .build();
            var response = client.send(request, BodyHandlers.ofString());
            if (response.statusCode() != 200) throw new Exception(step + ": " + response.statusCode());
            if (words[0].equals("GET")) System.out.println(response.body());
        }
    }
}
