# A name that another module has typed, or that a location has refused, gets no tickets: not in an
# error page, a redirect or a part of a page. Who has passed keeps what is granted.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::MD5 'md5_hex';
use File::Copy 'copy';
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::AD;
use NegTest::Httpd qw(apxs mpm);
use NegTest::Ports 'free_port';
use NegTest::Stage;
use NegTest::TLS;

plan skip_all => 'nothing here depends on the MPM; it was tested with event'
  if mpm() eq 'prefork';

my $dir = stage_dir() . '/borrowed';
for ('', qw(/ccaches /pages)) {
    mkdir $dir . $_;
    NegTest::Stage->give_to_httpd($dir . $_, 0700);
}
chmod 0711, $dir;

sub put {
    my ($file, @text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out @text;
    close $out;
    chmod 0755, $file;
    return;
}

my $tls = NegTest::TLS->make_authority($dir);
my ($server_crt, $server_key) = $tls->make_certificate('server');
my %cert = map { $_ => [ $tls->make_certificate($_, subject => "/CN=$_") ] } qw(alice bob);

chomp(my $hash = run([qw(openssl passwd -apr1 right)])->{output});
put("$dir/users", map { "$_:$hash\n" } qw(alice bob));
put("$dir/digest", map { "$_:borrowed:" . md5_hex("$_:borrowed:right") . "\n" } qw(alice bob));
copy(stage_dir() . '/cgi-bin/env.pl', "$dir/pages/env.pl");
chmod 0755, "$dir/pages/env.pl";
mkdir "$dir/pages/other";
copy("$dir/pages/env.pl", "$dir/pages/other/env.pl");
chmod 0755, "$dir/pages/other", "$dir/pages/other/env.pl";
put("$dir/pages/$_", 'a page') for qw(page.txt do.act);
put("$dir/pages/parts.shtml", qq{<!--#include virtual="env.pl" -->\n});

# --- the locations -----------------------------------------------------------

# How clients come: those of a status are refused with it, with a wrong password unless it is right;
# late => 1: after the tickets may have been asked for.
my $basic   = "AuthType Basic\nAuthUserFile $dir/users";
my %modules = (
    basic  => { status => 401, passes => 1, lines => $basic },
    digest => { status => 401, passes => 1, lines => "AuthType Digest\nAuthUserFile $dir/digest" },
    form   => {
        status => 401,
        passes => 1,
        lines  => "AuthType Form\nAuthFormProvider file\nAuthUserFile $dir/users\nSession On\n"
          . "SessionCookieName form path=/\nAuthFormLoginSuccessLocation /in"
    },
    dead   => { status => 500, lines => "AuthType Basic\nAuthUserFile $dir/nowhere" },
    any    => { status => 401, lines => "$basic\nDeny from all\nSatisfy Any" },
    authz  => { status => 401, right => 1, lines => "$basic\nRequire user nobody" },
    later  => { status => 403, right => 1, late => 1, lines => "$basic\nRewriteRule page(.txt)?\$ - [F]" },
    hidden => { status => 404, right => 1, late => 1, lines => "$basic\nRewriteRule page(.txt)?\$ - [R=404]" },
    card   => { status => 403, right => 1, lines => "SSLUserName SSL_CLIENT_S_DN_CN\nRequire expr false" },
    fake   => { status => 401, right => 1, lines => "$basic\nSSLOptions +FakeBasicAuth" },
    denied => { status => 403, right => 1, late => 1, lines => "AuthType Negotiate\nRequire user nobody" },
    cert   => { passes => 1, lines => "SSLUserName SSL_CLIENT_S_DN_CN\nRequire ssl-verify-client" },
    token  => { passes => 1, lines => 'AuthType Negotiate' },
);
my @refusing = grep { $modules{$_}{status} } sort keys %modules;
my @passing  = grep { $modules{$_}{passes} } sort keys %modules;

# Which page comes in the same configuration, for an error or by itself; and what is asked for.
my %pages = (
    cgi      => [ 'env.pl',        'page.txt' ],
    proxy    => [ 'behind/env.pl', 'behind/page' ],
    ssi      => [ 'parts.shtml',   'page.txt' ],
    rewrite  => [ 'again',         'page.txt' ],
    action   => [ 'do.act',        'page.txt' ],
    fallback => [ 'none',          'page.txt' ],
);
# More ways to env.pl, in location -cgi: for an index, as a variant, in another configuration, and
# for a page that is not there.
my @ways = ('', 'env', 'to-other', 'missing');

sub location {
    my ($module, $page, $on, $service) = @_;
    my $at    = "/$module-$page";
    my $m     = $modules{$module};
    my $error = "$at/$pages{$page}[0]";
    my @lines = ('AuthName borrowed', 'RewriteEngine On', $m->{lines}, $on);
    push @lines, 'Require valid-user' if $m->{lines} !~ /Require/;
    push @lines, 'AuthNegotiateImpersonate On' if $m->{lines} !~ /Negotiate/;
    push @lines, "FallbackResource $at/env.pl" if $page eq 'fallback';
    push @lines, 'AuthNegotiateDelegate off', "AuthNegotiateProxyService $service" if $page eq 'proxy';
    push @lines, "Action acting $at/env.pl", "RewriteRule again\$ $at/env.pl", "RewriteRule to-other\$ $at/other/env.pl";
    push @lines, map { "ErrorDocument $_ $error" } 404, $m->{status} || 401;
    return join "\n", "<Location $at>", @lines, "</Location>\n<Location $at/other>\nAuthName other\n</Location>\n";
}

sub locations {
    my ($on, $service) = @_;
    my $text = '';
    for my $module (sort keys %modules) {
        $text .= location($module, $_, $on, $service) for sort keys %pages;
    }
    return $text;
}

sub start_server {
    my ($keytab, $on, $service, $more, %env) = @_;
    my $tls_port = free_port();
    my $libexec  = apxs('LIBEXECDIR');
    my @modules  = grep { -e "$libexec/mod_$_.so" } qw(auth_digest request session session_cookie auth_form);
    my $load     = join '', map { "LoadModule ${_}_module $libexec/mod_$_.so\n" } @modules;
    my $locations = locations($on, $service);
    my $server = server(env => \%env, conf => <<"CONF")->start;
$load
PassEnv KRB5_CONFIG
AliasMatch "^/\\w+-\\w+/((?!behind).*)" "$dir/pages/\$1"
ScriptAlias /backend/env.pl \@stage\@/cgi-bin/env.pl
<Directory "$dir/pages">
    Options +ExecCGI +Includes +MultiViews
    MultiviewsMatch Any
    AddHandler cgi-script .pl
    AddHandler acting .act
    DirectoryIndex env.pl
</Directory>
ProxyPassMatch "^/\\w+-proxy/behind/" http://127.0.0.1:\@port\@/backend/env.pl
AuthNegotiateKeytab "$keytab"
AuthNegotiateDelegate FILE:$dir/ccaches
Listen 127.0.0.1:$tls_port
<VirtualHost 127.0.0.1:$tls_port>
    SSLEngine On
    SSLCertificateFile $server_crt
    SSLCertificateKeyFile $server_key
    SSLCACertificateFile $dir/ca.crt
    SSLVerifyClient optional
</VirtualHost>
$locations
$more
CONF
    return { httpd => $server, tls_port => $tls_port };
}

# --- clients -----------------------------------------------------------------

sub basic { my ($user, $password) = @_; return (Authorization => 'Basic ' . encode_base64("$user:$password", '')) }

sub digest {
    my ($http, $path, $user, $password) = @_;
    my ($nonce) = join(' ', $http->get($path)->challenges) =~ /nonce="([^"]+)"/ or return;
    my $a1 = md5_hex("$user:borrowed:$password");
    my $proof = md5_hex(join ':', $a1, $nonce, '00000001', 'x', 'auth', md5_hex("GET:$path"));
    return (Authorization => qq{Digest username="$user", realm="borrowed", nonce="$nonce", uri="$path", }
          . qq{qop=auth, nc=00000001, cnonce="x", algorithm=MD5, response="$proof"});
}

# A user's request, in the way of that module.
my %tickets_of;    # options of an initiator
sub ask {
    my ($server, $module, $path, $user, $password) = @_;
    my $http = http(port => $server->{httpd}->port);
    return $http->get($path, digest($http, $path, $user, $password)) if $module eq 'digest';
    return $http->get($path, Authorization => NegTest::Initiator->new(@{ $tickets_of{$user} })->authorization) if $module =~ /^(?:token|denied)$/;
    return http(port => $server->{tls_port}, tls => 1, ca_file => $tls->ca_file,
        cert_file => $cert{$user}[0], key_file => $cert{$user}[1])->get($path)
      if $module =~ /^(?:cert|card|fake)$/;
    return $http->get($path, basic($user, $password)) if $module ne 'form';
    my $r = $http->post($path, "httpd_username=$user&httpd_password=$password",
        'Content-Type' => 'application/x-www-form-urlencoded');
    my ($cookie) = ($r->header('Set-Cookie') || '') =~ /^([^;]+)/;
    return $r->status =~ /^3/ ? $http->get($path, Cookie => $cookie) : $r;
}

# Whom the page shows tickets of, in its environment or as the backend knows them.
sub acts_for { my ($r, $page) = @_; return $r->body =~ ($page eq 'proxy' ? qr/^GSS_NAME=(\S+)/m : qr/KRB5CCNAME=(FILE)/) ? $1 : '' }

# --- who is refused, and who is not ------------------------------------------

sub refused {
    my ($server, $module, $asked) = @_;
    my $m = $modules{$module};
    for my $page (sort keys %pages) {
        next if $page eq 'proxy' && $module eq 'fake';    # the backend would take it for a forgery
        my $from = length $asked->();
        my $r = ask($server, $module, "/$module-$page/$pages{$page}[1]", 'bob', $m->{right} ? 'right' : 'wrong');
        my $shows = $page eq 'proxy' ? qr/^who\?$/ : qr/^REDIRECT_STATUS=$m->{status}$/m;
        like $r->body, $shows, "$module, $page: the page for who is refused" or diag $r->status, ' ', $r->body;
        is acts_for($r, $page), '', '... has no tickets';
        my @lines = grep { /bob/ } split /\n/, substr $asked->(), $from;
        is_deeply \@lines, [], '... and the KDC was not asked for any' if !$m->{late};
    }
    return;
}

sub passed {
    my ($server, $module, $user, $path) = @_;
    my ($page) = $path =~ /-(\w+)/;
    my $r = ask($server, $module, "/$path", $user, 'right');
    is acts_for($r, $page), $page eq 'proxy' ? "$user\@AD.EXAMPLE.TEST" : 'FILE', "/$path: who has passed has tickets"
      or diag $r->status, ' ', $r->body;
    return;
}

my $who = <<'CONF';
<Location /backend>
    AuthType Negotiate
    AuthName backend
    KEYTAB
    Require valid-user
    ErrorDocument 401 "who?"
</Location>
CONF

{
    my $server = start_server('@keytab@', 'AuthNegotiateS4U2Proxy On HTTP@www.example.test', 'HTTP@www.example.test',
        $who =~ s/KEYTAB//r);
    my $asked = sub { join "\n", grep { /PROTOCOL-TRANSITION/ } split /\n/, kdc()->log_text };
    refused($server, $_, $asked) for grep { !$modules{$_}{late} } @refusing;
    is ask($server, 'basic', '/basic-cgi/env.pl', 'alice', 'right')->status, 403, 'for who has passed it is asked';
    like $asked->(), qr/s4u-client=alice\@/, '... as the log of the KDC shows';
    is_deeply [ $server->{httpd}->log->crashes ], [], 'nobody died';
}

SKIP: {
    my $missing = NegTest::AD->missing;
    skip $missing, 1 if $missing;
    my $ad = NegTest::AD->start(dir => stage_dir() . '/ad', log_level => 'kerberos:3');
    my ($back, $to_back) = ('HTTP/back.ad.example.test', 'HTTP@back.ad.example.test');
    $ad->add_user('svc-back', spn => [$back]);
    $ad->modify('svc-web', userAccountControl => 0x1010200, 'msDS-AllowedToDelegateTo' => $back);
    $ad->give_keytab(keytab('borrowed'));
    $ad->add_to_keytab(keytab('borrowed-back'), $back);
    NegTest::Stage->give_to_httpd(keytab('borrowed-back'), 0600);
    my $server = start_server(keytab('borrowed'), "AuthNegotiateS4U2Proxy On account:svc-web $to_back", $to_back,
        $who =~ s{KEYTAB}{'AuthNegotiateKeytab ' . keytab('borrowed-back')}er, $ad->env);
    $tickets_of{$_} = [ ccache => $ad->kinit($_, forwardable => 1), krb5_conf => $ad->krb5_conf ] for qw(alice bob);
    my $asked = sub { join "\n", grep { /s4u2self/ } split /\n/, $ad->log_text };
    refused($server, $_, $asked) for @refusing;
    for my $module (@passing) {
        passed($server, $module, 'alice', "$module-$_/$pages{$_}[0]") for sort keys %pages;
        passed($server, $module, 'alice', "$module-cgi/$_") for @ways;
    }
    like $asked->(), qr/impersonating alice\@/, '... and the log of the KDC shows it';
    is_deeply [ $server->{httpd}->log->crashes ], [], 'nobody died';
}

done_testing;
