# Chromium and Firefox, headless, end on the page: with HTTP/2 in the way, and sent back from it.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use File::Path 'make_path';
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Httpd qw(apxs mpm);
use NegTest::Ports 'free_port';
use NegTest::Process;
use NegTest::Spnego qw(neg_token_init KRB5);

use constant SECONDS => 60;

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';

my %program = (chromium => find_program('chromium'), firefox => find_program('firefox-esr', 'firefox'));
my @browsers = grep { $program{$_} } sort keys %program;

plan skip_all => 'neither Chromium nor Firefox is installed' if !@browsers;
plan skip_all => 'certutil is missing (Debian: libnss3-tools)' if !find_program('certutil');

my %port = map { $_ => free_port() } qw(h2 h1);
my $lua  = apxs('LIBEXECDIR') . '/mod_lua.so';
my $has_lua = -e $lua;

# /two: as if the browser's first token on HTTP/2 asked for a second leg. It sends none there
# before it is asked, so one is put in its place.
my $server = server(conf => configuration());
put('page.html', '<!doctype html><title>the page</title><p id="there">reached</p><script src="after.js"></script>');
put('after.js', 'document.getElementById("there").textContent = "reached and run";');
put('offer.lua', <<'LUA' =~ s/TOKEN/encode_base64(neg_token_init(mechs => [KRB5]), '')/er);
function offer(r)
    if r.protocol == "HTTP/2.0" and string.find(r.uri, "^/two/") then
        r.headers_in["Authorization"] = "Negotiate TOKEN"
    end
    return apache2.DECLINED
end
LUA
$server->start;

my @cases = (
    [ 'HTTP/1.1', 'h1', '/off/' ],
    [ 'HTTP/1.1, Persist On', 'h1', '/on/' ],
    [ 'HTTP/1.1, passwords offered too, and a script makes the error page', 'h1', '/both/' ],
    [ 'HTTP/2', 'h2', '/off/' ],
    [ 'HTTP/2, Persist On', 'h2', '/on/' ],
    [ 'HTTP/2, sent back for a second leg', 'h2', '/two/' ],
);

plan tests => 1 + 3 * @browsers * @cases;

sub find_program {
    for my $name (@_) {
        for my $dir (split /:/, $ENV{PATH}) { return "$dir/$name" if -x "$dir/$name" }
    }
    return;
}

sub put {
    my ($name, $text) = @_;
    open my $out, '>', $server->dir . "/$name" or die "$name: $!\n";
    print $out "$text\n";
    close $out;
    return;
}

sub configuration {
    my $hosts = join '', map { <<"CONF" } sort keys %port;
Listen 127.0.0.1:$port{$_}
<VirtualHost 127.0.0.1:$port{$_}>
    ServerName localhost:$port{$_}
    Protocols @{[ $_ eq 'h2' ? 'h2' : '' ]} http/1.1
    SSLEngine On
    SSLCertificateFile "\@stage\@/tls/server.crt"
    SSLCertificateKeyFile "\@stage\@/tls/server.key"
</VirtualHost>
CONF
    my $hook = $has_lua ? qq{LoadModule lua_module "$lua"\nLuaHookTranslateName "\@dir\@/offer.lua" offer early\n} : '';
    return $hook . <<'CONF' . $hosts;
CustomLog "@dir@/requests" "%H %>s %u %U"
AliasMatch "^/[^/]+/(\w+\.(?:html|js))$" "@dir@/$1"
AddType text/javascript .js
AuthNegotiateKeytab "@keytab@"
ScriptAlias "/sorry/" "@stage@/cgi-bin/"
<LocationMatch "^/(off|on|two|both)/">
    AuthType Negotiate
    AuthName "browsers"
    Require valid-user
</LocationMatch>
<Location "/both/">
    AuthNegotiateBasicProvider file
    AuthUserFile "@dir@/requests"
    ErrorDocument 401 /sorry/env.pl
</Location>
<LocationMatch "^/on/">
    AuthNegotiatePersist On
</LocationMatch>
CONF
}

# A home of its own that trusts the run's authority.
my $home = stage_dir() . '/home-of-browsers';

sub trust {
    my ($dir) = @_;
    make_path($dir);
    my @certutil = ('certutil', '-d', "sql:$dir");
    for my $args ([ '-N', '--empty-password' ], [ '-A', '-n', 'test', '-t', 'C,,', '-i', stage_dir() . '/tls/ca.crt' ]) {
        my $r = run([ @certutil, @$args ]);
        $r->{ok} or die "certutil: $r->{output}\n";
    }
    return;
}

sub profile_of_chromium {
    my ($dir) = @_;
    trust("$home/.pki/nssdb") if !-d "$home/.pki/nssdb";
    make_path($dir);
    # Otherwise a new profile does not answer Negotiate before its second run.
    write_file("$dir/Local State", '{"net":{"received_http_auth_negotiate_headers":true}}');
    return [ $program{chromium}, '--headless=new', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server',
        ($> == 0 ? '--no-sandbox' : ()), '--auth-server-allowlist=localhost', "--user-data-dir=$dir",
        '--virtual-time-budget=5000', '--dump-dom' ];
}

sub profile_of_firefox {
    my ($dir) = @_;
    trust($dir);
    my %preference = (
        'network.negotiate-auth.trusted-uris'     => '"https://localhost"',
        'network.proxy.type'                      => 0,
        'network.dns.disableIPv6'                 => 'true',
        'network.captive-portal-service.enabled'  => 'false',
        'network.connectivity-service.enabled'    => 'false',
        'browser.shell.checkDefaultBrowser'       => 'false',
        'browser.safebrowsing.update.enabled'     => 'false',
        'browser.aboutwelcome.enabled'            => 'false',
        'app.update.enabled'                      => 'false',
        'app.normandy.enabled'                    => 'false',
        'extensions.update.enabled'               => 'false',
        'services.settings.server'                => '"http://127.0.0.1:1"',
        'toolkit.telemetry.server'                => '"http://127.0.0.1:1"',
        'datareporting.policy.dataSubmissionEnabled' => 'false',
    );
    write_file("$dir/user.js", join '', map { "user_pref(\"$_\", $preference{$_});\n" } sort keys %preference);
    return [ $program{firefox}, '--headless', '--no-remote', '--profile', $dir, '--screenshot', "$dir/page.png" ];
}

sub write_file {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
    return;
}

sub requests {
    my ($from) = @_;
    open my $in, '<', $server->dir . '/requests' or return;
    seek $in, $from, 0;
    chomp(my @lines = <$in>);
    return @lines;
}

my $ccache = ccache('alice');
my $n      = 0;
for my $browser (@browsers) {
    for my $case (@cases) {
        my ($what, $host, $path) = @$case;
      SKIP: {
            skip 'there is no mod_lua', 3 if $path eq '/two/' && !$has_lua;
            # The page's script is asked for by a browser that shows the page.
            my $end = qr{^(\S+) 200 alice\@EXAMPLE\.TEST \Q$path\Eafter\.js$}m;
            my ($r, $seen);
            for my $try (1, 2) {    # on a busy machine a browser may not come to it in its time
                my $from  = -s $server->dir . '/requests' || 0;
                my $dir   = "$home/profile" . ++$n;
                my $start = $browser eq 'chromium' ? profile_of_chromium($dir) : profile_of_firefox($dir);
                $r = run(
                    [ @$start, "https://localhost:$port{$host}${path}page.html" ],
                    env     => { HOME => $home, KRB5CCNAME => $ccache, DISPLAY => undef, DBUS_SESSION_BUS_ADDRESS => 'disabled:' },
                    timeout => SECONDS
                );
                wait_until(sub { join("\n", requests($from)) =~ $end }, 3);
                $seen = join "\n", requests($from);
                last if $seen =~ $end;
            }
            like $seen, qr{^\S+ 200 alice\@EXAMPLE\.TEST \Q$path\Epage\.html$}m, "$browser, $what: the page"
              or diag $r->{output} =~ s/(.{3000}).*/$1 .../sr;
            like $seen, $end, '... and what belongs to it';
            if    ($path eq '/two/') { like $seen, qr{^HTTP/2\.0 403 \S+ /two/page\.html$}m, '... on HTTP/1.1, after HTTP/2' }
            elsif ($host eq 'h2')    { like $seen, qr{^HTTP/2\.0 401}m, '... asked on HTTP/2' }
            else                     { like $seen, qr{^HTTP/1\.1 401}m, '... asked on HTTP/1.1' }
            note $seen;
        }
    }
}

is_deeply [ $server->log->crashes ], [], 'nobody died';
