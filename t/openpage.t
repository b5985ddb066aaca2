# A page that a <Location> protects, and that is had by another way: httpd -t says so, and says it of
# no page that is not.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'mpm';

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';

my $protect = "AuthType Negotiate\nAuthName x\nAuthNegotiateKeytab \@keytab\@\nRequire valid-user\n";
my $page    = "<Location \"/private\">\n$protect</Location>\n";
my $files   = '@documentroot@/private';

# The host that answers https is the one at port 1; nobody listens there.
sub https { return host('*:1', 'www.example.com', @_) }
sub http80 { return host('*:@port@', 'www.example.com', @_) }

sub host {
    my ($address, $name, @lines) = @_;
    return join "\n", "<VirtualHost $address>", "ServerName $name", @lines, "</VirtualHost>\n";
}

my @open = (
    [ 'a host at port 80', https($page) . http80(),
        qr{the same files are open at <VirtualHost \*:\d+> \(\S+:\d+\): /private there needs no login, because DocumentRoot \(},
        qr{Write Redirect permanent "/private" "https://\.\.\." in that host, or .*<Directory "\S+/private">.* outside of the virtual hosts} ],
    [ 'a host of another name with the same DocumentRoot', https($page) . host('*:@port@', 'other.example.com'), qr{/private there needs no login} ],
    [ 'a host with TLS', https($page) . host('*:@port@', 'other.example.com', 'SSLEngine on'), qr{needs no login.* Put the section's lines into <Directory} ],
    [ 'a host at port 443', https($page) . host('*:@port@ 127.0.0.1:443', 'other.example.com'), qr{needs no login.* Put the section's lines into <Directory} ],
    [ 'a host without TLS beside a server with it', "SSLEngine on\n" . https($page) . host('*:@port@', 'other.example.com', 'SSLEngine off'), qr{Write Redirect} ],
    [ 'its own DocumentRoot lines', https('DocumentRoot "@documentroot@"', $page) . http80('DocumentRoot "@documentroot@/"'), qr{/private there needs no login} ],
    [ 'a DocumentRoot above',  https('DocumentRoot "@documentroot@/a"', $page) . http80(), qr{/a/private there needs no login} ],
    [ 'the main server at port 80', https($page), qr{open at the main server: /private there needs no login} ],
    [ 'an Alias of both', https("Alias /private /srv/x\n$page") . http80('Alias /intern /srv/x'), qr{/intern there needs no login, because Alias} ],
    [ 'a backend of both', https("ProxyPass /private http://127.0.0.1:8/\n$page") . http80('ProxyPass / http://127.0.0.1:8/'), qr{/ there needs no login, because ProxyPass}, qr{the same page is open .* into a <Location "/"> of that host} ],
    [ 'a handler of both', "<Location /private>\nSetHandler server-status\n</Location>\n" . https($page) . http80(), qr{/private there needs no login, because SetHandler} ],
    [ 'a redirect of something else', https($page) . http80('Redirect /private-not https://www.example.com/'), qr{/private there needs no login} ],
    [ 'a RedirectMatch of something else', https($page) . http80('RedirectMatch ^/$ https://www.example.com/'), qr{/private there needs no login} ],
    [ 'a RewriteRule of something else', https($page) . http80("RewriteEngine On\nRewriteRule ^/old https://www.example.com/ [R]"), qr{/private there needs no login} ],
    [ 'a <Directory> that grants', https($page) . "<Directory \"$files\">\nRequire all granted\n</Directory>\n" . http80(), qr{/private there needs no login} ],
    [ '<Files> that are denied', https($page) . "<FilesMatch \"^\\.ht\">\nRequire all denied\n</FilesMatch>\n" . http80(), qr{/private there needs no login} ],
    [ 'another location that is denied', https($page) . http80("<Location /privat>\nRequire all denied\n</Location>"), qr{/private there needs no login} ],
    [ 'another directory by wildcard', https($page) . "<Directory \"/home/*/private\">\nRequire all denied\n</Directory>\n" . http80(), qr{/private there needs no login} ],
    [ 'a second URL by an Alias', qq{Alias "/second" "$files"\n$page}, qr{the main server: /second there needs no login, because Alias}, qr{Put the section's lines into <Directory "\S+/private">} ],
    [ 'a second URL by a ScriptAlias', qq{ScriptAlias /private /usr/lib/x/app\nScriptAlias /cgi-bin/ /usr/lib/x/\n$page}, qr{/cgi-bin/app there needs no login, because ScriptAlias} ],
    [ 'a second URL by the DocumentRoot', qq{Alias /private "\@documentroot\@/intern"\n$page}, qr{/intern there needs no login, because DocumentRoot} ],
    [ 'a second URL of a part', qq{Alias /reports "$files/reports"\n$page}, qr{/reports there needs no login, because Alias} ],
    [ 'an Alias in a <Location>', qq{<Location /second>\nAlias "$files"\n</Location>\n$page}, qr{/second there needs no login} ],
);

my @closed = (
    [ 'a redirect of the whole host', https($page) . http80('Redirect permanent / https://www.example.com/') ],
    [ 'a redirect of the page', https($page) . http80('Redirect /private https://www.example.com/private') ],
    [ 'RedirectPermanent', https($page) . http80('RedirectPermanent / https://www.example.com/') ],
    [ 'RedirectMatch', https($page) . http80('RedirectMatch 301 ^/(?!\.well-known/) https://www.example.com/') ],
    [ 'a redirect in a <Location>', https($page) . http80("<Location />\nRedirect https://www.example.com/\n</Location>") ],
    [ 'RewriteRule', https($page) . http80("RewriteEngine On\nRewriteCond %{HTTPS} off\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]") ],
    [ 'RewriteRule that forbids', https($page) . http80("RewriteEngine On\nRewriteRule ^/private - [F]") ],
    [ 'Require all denied', https($page) . http80("<Location />\nRequire all denied\n</Location>") ],
    [ 'a <Directory> that denies', https($page) . http80("<Directory \"\@documentroot\@\">\nRequire all denied\n</Directory>") ],
    [ 'Require ip', https($page) . http80("<LocationMatch \"^/priv\">\nRequire ip 10.0.0.0/8\n</LocationMatch>") ],
    [ 'SSLRequireSSL', https($page) . http80("<Location /private>\nSSLRequireSSL\n</Location>") ],
    [ 'the same section in both', https($page) . http80($page) ],
    [ 'a section outside of the hosts', $page . https() . http80() ],
    [ 'a section for the files', "<Directory \"$files\">\n$protect</Directory>\n" . https($page) . http80() ],
    [ 'a section for the files alone', "<Directory \"$files\">\n$protect</Directory>\nAlias /second \"$files\"\n" . https() . http80() ],
    [ '<If>', https($page) . http80("<If \"true\">\nRequire all denied\n</If>") ],
    [ 'another DocumentRoot', https("DocumentRoot /srv/intern\n$page") . http80('DocumentRoot /srv/open') ],
    [ 'a handler of its own', https(qq{<Location "/private">\nSetHandler server-status\n$protect</Location>}) . http80() ],
    [ 'a backend of its own', https("ProxyPass /private http://127.0.0.1:8/\n$page") . http80('ProxyPass / http://127.0.0.1:9/') ],
    [ 'a page that is rewritten', https("RewriteEngine On\nRewriteRule ^/private/(.*) /srv/\$1\n$page") . http80() ],
    [ 'a page that is found by a pattern', https(qq{AliasMatch "^/private/(.*)" "/srv/\$1"\n$page}) . http80() ],
    [ 'a main server that nobody reaches', https($page) . host('*:@port@', 'other.example.com', 'DocumentRoot /srv/open') ],
    [ 'a second URL that is protected', qq{Alias /second "$files"\n$page<Location /second>\n$protect</Location>\n} ],
    [ 'a second URL below', qq{Alias /private/second "$files"\n$page} ],
    [ 'a second URL that is open on purpose', qq{Alias /second "$files"\n$page<Location /second>\nRequire all granted\n</Location>\n} ],
    [ 'a part that is open on purpose', qq{Alias /static "$files/static"\n$page<Directory "$files/static">\nRequire all granted\n</Directory>\n} ],
    [ 'an Alias of other files', qq{Alias /private2 "$files-2"\nAlias /icons /usr/share/icons\n$page} ],
    [ 'an Alias in the place of the DocumentRoot', qq{Alias /private /srv/x\nAlias /other /srv/xy\n$page} ],
);

plan tests => 2 * @open + @closed + 3;

my $found = qr/there needs no login/;

for (@open) {
    my ($name, $conf, @patterns) = @$_;
    my $said  = server(conf => $conf)->check->{output};
    my @lines = grep { /$found/ } split /\n/, $said;
    is scalar @lines, 1, "$name: one warning" or diag $conf, $said;
    is_deeply [ grep { ($lines[0] || '') !~ /$_/ } qr{AuthType Negotiate \(in /private, \S+:\d+\)}, @patterns ], [],
      '... that says where, and what to write' or diag $said;
}

for (@closed) {
    my ($name, $conf) = @$_;
    my $said = server(conf => $conf)->check->{output} =~ s/^AH00112: .*\n//mgr;    # no DocumentRoot /srv/open
    is $said, "Syntax OK\n", "$name: nothing to say" or diag $conf;
}

# README's first configuration, in a server whose port 80 has the same DocumentRoot.
{
    my ($section, $redirect) = readme();
    my $conf = sub { return "AuthNegotiateKeytab \@keytab\@\n" . https($section) . http80(@_) };
    like server(conf => $conf->())->check->{output}, $found, 'README: without its lines for port 80 there is a warning';
    is server(conf => $conf->($redirect))->check->{output}, "Syntax OK\n", '... with them there is none';
    like $redirect, qr{^Redirect permanent "?/private"? "?https://www\.example\.com/private}, '... which redirect the page';
}

sub readme {
    open my $in, '<', source_dir() . '/README' or die "README: $!\n";
    local $/;
    my ($text) = <$in> =~ /^## A first configuration\n(.*?)^## /ms;
    my ($section) = $text =~ m{^(    <Location.*?^    </Location>\n)}ms;
    my ($redirect) = $text =~ /^    (Redirect .*\n)/m;
    return ($section, $redirect // '');
}
